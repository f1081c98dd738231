"""Runs a list of jobs in a loop, in several processes, or on a Ray cluster."""
