"""Chooses method and settings for a product from its good pictures and simulated defects."""
