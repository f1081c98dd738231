"""Pretrained feature extractors as ONNX files, and how to run them for fitting."""
