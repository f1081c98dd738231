"""The store: a SQLite file beside the run folders with the inspections of all runs."""
