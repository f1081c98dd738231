"""Pieces of ONNX graph, written with spox."""
