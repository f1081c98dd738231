"""Runs engines over data sets of good and defective pictures and says how good they are."""
