"""Turns regions of an anomaly map into defects with sizes."""
