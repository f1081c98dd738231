"""Data folders, thresholds and metrics."""
