"""Compares a candidate with the engine that it may replace."""
