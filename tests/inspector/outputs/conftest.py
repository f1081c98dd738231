"""Fixtures of the tests of outputs."""

from collections.abc import Iterator

import pytest
from loguru import logger


@pytest.fixture
def messages() -> Iterator[list[str]]:
    """Level and text of each message of the log."""
    lines: list[str] = []
    handler = logger.add(lines.append, format="{level} {message}")
    yield lines
    logger.remove(handler)
