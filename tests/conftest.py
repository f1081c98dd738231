"""Fixtures of all tests: a fitted engine, and the usual stack for signal handlers."""

import ctypes
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from engine_parts import fit_parts
from onnx import ModelProto

from engines.spec_file import read_engine


@pytest.fixture(scope="session")
def engine_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("engine") / "parts.onnx"
    fit_parts(out)
    return out


@pytest.fixture(scope="module")
def parsed(engine_file: Path) -> tuple[dict[str, Any], ModelProto]:
    """Its spec as JSON values, and its graph."""
    spec, model = read_engine(engine_file)
    return json.loads(spec.to_json()), model


class _SignalStack(ctypes.Structure):
    _fields_ = (("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


_SS_DISABLE = 2
"""The flag of this name in signal.h."""


@pytest.fixture
def usual_signal_stack() -> None:
    """For tests that send a signal to this process. OpenVINO gives the thread that opens an engine
    a stack for signal handlers. If Python frees that engine on another thread, the stack is gone,
    and the next signal ends the process with SIGSEGV. Runs close their engines on one thread, but
    an earlier test may have left an engine to the garbage collector."""
    if sys.platform == "linux":
        none = _SignalStack(None, _SS_DISABLE, 0)
        ctypes.CDLL(None).sigaltstack(ctypes.byref(none), None)
