"""The report of an evaluation: one HTML file with everything in it."""
