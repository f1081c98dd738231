"""Parity of an engine with its method, and export of backbones."""
