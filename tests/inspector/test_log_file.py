"""Tests of the log of the program."""

from pathlib import Path

import pytest
from loguru import logger

from inspector.logs import LogOptions, start_logging


def test_a_name_that_is_not_utf8_is_logged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.log"
    start_logging(LogOptions(path=str(path)), write=lambda _: None)
    logger.info("results in {}", "out\udcff")
    assert r"results in out\udcff" in path.read_text(encoding="utf-8")
    logger.remove()
    assert "Traceback" not in capsys.readouterr().err
