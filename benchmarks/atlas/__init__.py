"""Compares measured with true sizes for every kind of defect: the bias atlas."""
