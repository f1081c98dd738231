"""Turns frames into model input, and anomaly maps into verdicts."""
