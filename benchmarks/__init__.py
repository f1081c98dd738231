"""Figures, never tests: each module prints a table and JSON; `make bench` runs them all."""
