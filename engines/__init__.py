"""Reads, checks and runs engine files: a picture in, an anomaly map and a score out."""
