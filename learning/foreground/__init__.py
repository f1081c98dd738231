"""Finds where the product is in a picture, so that the background raises no false alarms."""
