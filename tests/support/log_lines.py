"""Collects the lines that are logged."""

import contextlib
from collections.abc import Iterator

from loguru import logger


@contextlib.contextmanager
def warnings_of() -> Iterator[list[str]]:
    """The texts of the warnings that are logged in the `with` block."""
    heard: list[str] = []
    sink = logger.add(heard.append, level="WARNING", format="{message}")
    try:
        yield heard
    finally:
        logger.remove(sink)
