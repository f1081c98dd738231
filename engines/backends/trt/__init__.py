"""TensorRT: the library, the CUDA driver, plans, and the session that runs them."""
