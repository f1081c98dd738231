"""Starts a module of this program as another process."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from inspector.core.errors import EngineError

_PACKAGES: Final = Path(__file__).parents[1]


def start_module(
    name: str, *arguments: str, stdin: int, stderr: int | None = None
) -> "subprocess.Popen[str]":
    """Runs `python -m name`. Its stdout is a pipe, and a signal to this program does not reach it.

    stdin: subprocess.DEVNULL or subprocess.PIPE. stderr: None for that of this program. Raises
    EngineError if the process cannot start.
    """
    path = os.pathsep.join([str(_PACKAGES), *filter(None, sys.path)])
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", name, *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            errors="replace",
            env=os.environ | {"PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C in the terminal is for the parent only
        )
    except OSError as exc:
        raise EngineError(f"the process {name} cannot start: {exc}") from exc
