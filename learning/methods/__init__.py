"""Anomaly detection methods: fitted with numpy, exported as one graph."""
