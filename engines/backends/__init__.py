"""Runtimes that can run an engine file."""
