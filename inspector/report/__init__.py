"""Writes the report of a run: an HTML page with everything in it, and a PDF of the same page."""
