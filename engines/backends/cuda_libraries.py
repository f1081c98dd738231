"""Loads the CUDA and cuDNN packages that pip installed for onnxruntime."""

import contextlib
import functools
import io
from typing import Any


@functools.cache
def preload_libraries(ort: Any) -> str:
    """Loads the libraries and returns what is missing, in one line; empty if nothing is missing.

    Call this before a session on a GPU is created, because onnxruntime does not search the packages
    that its extras install. ort: the module onnxruntime.
    """
    if not hasattr(ort, "preload_dlls"):  # before 1.21
        return ""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        ort.preload_dlls()
    return " ".join(output.getvalue().split())
