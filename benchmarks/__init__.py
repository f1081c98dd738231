"""Benchmarks: each module prints a table and JSON. `make bench` runs them all; no test does."""
