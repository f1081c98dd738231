"""Provides a small engine to the tests of the Python API."""

from flow_rig import engine

__all__ = ["engine"]
