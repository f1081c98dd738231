"""Writes the report of a run, as an HTML page and a PDF, and the map of a web."""
