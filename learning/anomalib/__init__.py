"""Imports ONNX exports of anomalib 2.x as engines."""
