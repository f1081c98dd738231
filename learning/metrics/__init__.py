"""Figures of how well scores and maps separate normal from anomalous, with their uncertainty."""
