"""Where the program's own log goes: the screen, and a file that rotates."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from loguru import logger

from inspector.core.errors import ConfigError
from inspector.sources.uri import mask_secrets

if TYPE_CHECKING:
    from loguru import Record

SCREEN = "<level>{level: <7}</level> {message}"
FILE = "{time:YYYY-MM-DDTHH:mm:ss.SSSZ} {level: <7} {thread.name} {name}: {message}"
_LOGURUS_OWN = 0
"""Number of the sink that loguru starts with."""


def open_missing_streams() -> None:
    """Points a stream that was closed before the start at nowhere: otherwise the next file that is
    opened takes its number, and whatever C libraries say is written into it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def log_to_screen(write: Callable[[str], None]) -> None:
    """The log of a command that keeps no file, in place of loguru's own, which shows modules and
    what is for debugging. Leaves alone a log that was set up before."""
    try:
        logger.remove(_LOGURUS_OWN)
    except ValueError:  # loguru's way to say that it is gone
        return
    _add_screen("INFO", write)


def start_logging(
    level: str,
    path: Path | None,
    *,
    rotation_mb: float,
    keep: int,
    write: Callable[[str], None] | None = None,
) -> None:
    """write: what puts a line on the screen, stderr if None. Passwords in URLs are masked in every
    message, whoever wrote it; what is bound with file_only=True stays off the screen. Raises
    ConfigError where the file cannot be opened."""
    logger.remove()
    _add_screen(level, write or sys.stderr)
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        logger.add(
            path,
            level=level,
            format=FILE,
            rotation=int(rotation_mb * 1e6),
            retention=keep,
            backtrace=False,
            diagnose=False,
        )
    except OSError as exc:
        raise ConfigError(f"log.path: cannot write {path}: {exc.strerror}") from exc


def _add_screen(level: str, write: Callable[[str], None] | TextIO) -> None:
    logger.configure(patcher=_mask)
    # diagnose=True would print the values of variables, and with them passwords.
    logger.add(
        write,
        level=level,
        format=SCREEN,
        filter=lambda record: not record["extra"].get("file_only", False),
        backtrace=False,
        diagnose=False,
    )


def _mask(record: "Record") -> None:
    record["message"] = mask_secrets(record["message"])
