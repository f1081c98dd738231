"""Starts the refit of an engine while a line works."""
