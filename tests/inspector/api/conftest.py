"""A small engine for the tests of the Python API."""

from flow_rig import engine

__all__ = ["engine"]
