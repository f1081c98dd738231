"""Scheduled runs of parts that are known to be defective."""
