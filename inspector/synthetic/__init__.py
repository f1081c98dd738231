"""Renders webs and defects of known size, and compares measured sizes with the true ones."""
