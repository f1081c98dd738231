"""Data sets on disk: their layouts, pictures, masks and splits."""
