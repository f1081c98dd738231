"""Provides a small engine and a small clip to the tests of the examples."""

from flow_rig import clip, engine

__all__ = ["clip", "engine"]
