"""GLASS: the method, its reference, its training and the import of published checkpoints."""
