"""Writes inspections of the store as tables and as data sets of pictures."""
