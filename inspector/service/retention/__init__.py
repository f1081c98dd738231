"""Removes the oldest results of a line."""
