"""Nearest neighbours of whitened vectors: the method and its reference."""
