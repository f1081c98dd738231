"""Tests the log of the program."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from inspector.logs import LogOptions, start_logging


@pytest.fixture(autouse=True)
def _no_handlers_afterwards() -> Iterator[None]:
    yield
    logger.remove()


def test_a_name_that_is_not_utf_8_is_logged_with_escapes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start_logging(LogOptions(path=str(tmp_path / "inspector.log")))
    name = b"\xff\xfe.png".decode("utf-8", "surrogateescape")
    logger.warning("the picture {} is empty", name)
    logger.complete()
    text = "the picture \\udcff\\udcfe.png is empty"
    assert text in (tmp_path / "inspector.log").read_text()
    errors = capsys.readouterr().err
    assert text in errors
    assert "Traceback" not in errors
