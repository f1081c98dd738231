"""CUDA and cuDNN for onnxruntime, loaded from where pip puts them."""

import contextlib
import functools
import io
from typing import Any


@functools.cache
def preloaded(ort: Any) -> str:
    """What is missing, in one line; empty where nothing is. To be called before a session on a GPU:
    onnxruntime by itself passes over the packages that its extras install. ort: its module."""
    if not hasattr(ort, "preload_dlls"):  # before 1.21
        return ""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        ort.preload_dlls()
    return " ".join(said.getvalue().split())
