"""Writes the log of the program to the screen and to rotating files."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

from loguru import logger

from inspector.core.errors import ConfigError
from inspector.core.schema import AtLeastOne, Between, OneOf
from inspector.core.secrets import mask_secrets

if TYPE_CHECKING:
    from loguru import Record

SCREEN = "<level>{level: <7}</level> {message}"
FILE = "{time:YYYY-MM-DDTHH:mm:ss.SSSZ} {level: <7} {thread.name} {name}: {message}"
_FIRST_HANDLER = 0
"""Number of the first handler of loguru."""


def log_to_screen(write: Callable[[str], None]) -> None:
    """Starts the log of a command that writes no log file.

    It replaces the first handler of loguru, which shows module names and debug messages. If that
    handler was removed before, the log does not change.
    """
    try:
        logger.remove(_FIRST_HANDLER)
    except ValueError:  # the handler was removed before
        return
    _add_screen("INFO", write)


@dataclass(frozen=True, slots=True)
class LogOptions:
    """path: the log file; None: screen only. rotation_mb: MB per file. keep: number of files."""

    level: Annotated[str, OneOf("DEBUG", "INFO", "WARNING", "ERROR")] = "INFO"
    path: str | None = "artifacts/logs/inspector.log"
    rotation_mb: Annotated[float, Between(0.01, 1e6)] = 10.0
    keep: AtLeastOne = 10


def start_logging(options: LogOptions, *, write: Callable[[str], None] | None = None) -> None:
    """Starts the log on the screen and in a file.

    write: writes a line to the screen; None: to stderr. Passwords in URLs are masked in every
    message. A message that is bound with file_only=True is not shown on the screen. Raises
    ConfigError if the file cannot be opened.
    """
    logger.remove()
    _add_screen(options.level, write or sys.stderr)
    if options.path is None:
        return
    path = Path(options.path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        logger.add(
            path,
            level=options.level,
            format=FILE,
            rotation=int(options.rotation_mb * 1e6),
            retention=options.keep,
            errors="backslashreplace",  # a name may hold bytes that are not UTF-8
            watch=True,  # a file that was moved or removed is created anew
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
    # A file name that is not UTF-8 would stop the log file from taking the message.
    message = record["message"].encode("utf-8", "backslashreplace").decode()
    record["message"] = mask_secrets(message)
