"""Measures defects of known size, cell by cell, with a renderer that shares no code with the
product."""
