"""Good pictures become an engine file."""
