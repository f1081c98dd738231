"""Functions that the workers of the fleet tests call."""

import os
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Any

from loguru import logger

from inspector.core.errors import DataError
from inspector.core.types import Cause


def multiply(factor: int, number: int) -> tuple[int, int]:
    """The product, and the process that computed it."""
    return factor * number, os.getpid()


def refuse_odd(_: Any, number: int) -> int:
    if number % 2:
        raise DataError(f"{number} is odd")
    return number


def raise_stage_error(_: Any, number: int) -> int:
    from inspector.core.errors import FrameError, StageError

    if number == 0:
        raise StageError("infer", [1], ValueError("x"))
    raise FrameError("a bad frame", Cause.SIZE)


def log_number(_: Any, number: int) -> int:
    logger.warning("number {}", number)
    logger.debug("too detailed")
    return number


def kill_at_first(folder: Path, number: int) -> int:
    """Kills its worker at the first attempt of job 1."""
    marker = folder / f"{number}.started"
    if number == 1 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die_while_answering(folder: Path, number: int) -> int:
    """Kills its worker in the middle of an answer, at the first attempt of job 1."""
    marker = folder / f"{number}.started"
    if number == 1 and not marker.exists():
        marker.touch()
        os.write(int(sys.argv[1]), struct.pack("!i", 1000) + b"begin")
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def always_kill(_: Any, number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def divide(_: Any, number: int) -> float:
    """A bug: it raises ZeroDivisionError for 0."""
    return 1 / number


def wait_long(folder: Path, number: int) -> int:
    try:
        (folder / f"{number}.{os.getpid()}").touch()
        time.sleep(60)
    except KeyboardInterrupt:
        (folder / f"{number}.ended").touch()
        raise
    return number


def end_at_signal(folder: Path, number: int) -> str:
    """Ends in order at a signal, like a session."""
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda n, _: received.append(n))
    (folder / f"{number}.{os.getpid()}").touch()
    for _ in range(600):
        if received:
            break
        time.sleep(0.05)
    signal.signal(signal.SIGTERM, before)
    return f"ended by {received}"


def threads_of_worker(_: Any, number: int) -> tuple[str, str]:
    return os.environ["LINE_INSPECTOR_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]
