"""Fixtures of all tests: a fitted engine, few simulated defects, and the usual signal stack."""

import ctypes
import faulthandler
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from engine_parts import fit_parts
from onnx import ModelProto
from ray_cluster import ray_cluster, use_ray_cluster

from engines.spec_file import read_engine
from inspector.core.errors import ConfigError
from inspector.report.pdf import load_weasyprint
from learning import defect_scores
from learning.selection import trials

__all__ = ["ray_cluster", "use_ray_cluster"]

FEW_DEFECTS = 24
"""Three of each kind."""

END_S = 60.0
"""Time after the last test in which the process must end."""


def pytest_configure() -> None:
    """nohup makes its command ignore SIGHUP, and so would the processes that the tests start."""
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_unconfigure() -> None:
    """A thread that a test has left would stop the process from ending. Then this shows where all
    threads are, and the process fails. A worker of pytest-xdist waits for the others, and is ended
    by the first process."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        faulthandler.dump_traceback_later(END_S, exit=True)


@pytest.fixture(scope="session", autouse=True)
def few_simulated_defects() -> Iterator[None]:
    """Most tests fit an engine for something else, and the usual number takes 1 s per engine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(defect_scores, "count_defects", lambda most, _: min(most, FEW_DEFECTS))
        patch.setattr(trials, "DEFECTS", FEW_DEFECTS)
        yield


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


@pytest.fixture
def weasyprint() -> ModuleType:
    """Skips where the extra pdf or Pango is missing."""
    try:
        return load_weasyprint()
    except ConfigError as exc:
        pytest.skip(str(exc))
