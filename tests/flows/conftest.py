"""Provides clips, engines and a way to run the program to the flow tests."""

from flow_rig import clip, engine, inspect, margin

__all__ = ["clip", "engine", "inspect", "margin"]
