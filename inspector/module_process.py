"""Starts a module of this program as another process."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

from inspector.core.errors import EngineError

_PACKAGES: Final = Path(__file__).parents[1]
_NO_VARIABLES: Final[Mapping[str, str]] = {}


def module_path() -> str:
    """PYTHONPATH of a process that must import what this one can import."""
    return os.pathsep.join([str(_PACKAGES), *filter(None, sys.path)])


def start_module(
    name: str,
    *arguments: str,
    stdin: int,
    stdout: int | IO[Any] = subprocess.PIPE,
    stderr: int | None = None,
    variables: Mapping[str, str] = _NO_VARIABLES,
) -> "subprocess.Popen[str]":
    """Runs `python -m name`. A signal to this program does not reach it.

    stdin: subprocess.DEVNULL or subprocess.PIPE. stdout: a file, or subprocess.PIPE. stderr: None
    for that of this program. variables: of its environment, besides those of this program. Raises
    EngineError if the process cannot start.
    """
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", name, *arguments],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            text=True,
            errors="replace",
            env={**os.environ, "PYTHONPATH": module_path(), **variables},
            start_new_session=True,  # Ctrl-C in the terminal is for the parent only
        )
    except OSError as exc:
        raise EngineError(f"the process {name} cannot start: {exc}") from exc
