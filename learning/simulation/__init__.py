"""Simulated defects: what is drawn on good pictures to see how much an engine would find."""
