"""Gauge studies: how much of the variation of measurements and verdicts the gauge itself causes."""
