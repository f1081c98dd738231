"""Provides a signed run, and copies of it that tests may change."""

from evidence_runs import original, out

__all__ = ["original", "out"]
