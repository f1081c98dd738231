"""Fixtures of the flow tests."""

from flow_rig import clip, engine, inspect, margin

__all__ = ["clip", "engine", "inspect", "margin"]
