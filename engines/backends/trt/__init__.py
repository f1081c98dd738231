"""TensorRT backend: loads the library, calls the CUDA driver, builds plans and runs them."""
