"""Runs an inspection in five threads and counts every frame."""
