"""Fixtures of the examples: a small engine and a small clip."""

from flow_rig import clip, engine

__all__ = ["clip", "engine"]
