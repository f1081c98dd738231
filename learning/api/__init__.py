"""Contains the functions that other programs import from `learning`; see docs/python-api.md.

The functions import what they need when they are called, so that importing them is fast and needs
neither onnx nor scipy nor torch.
"""
