"""Runs a line for months: one session after the other on the same open sources."""
