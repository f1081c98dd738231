"""PaDiM: the method, its Gaussians and its reference."""
