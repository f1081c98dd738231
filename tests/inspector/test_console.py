"""Tests the progress on the console."""

import pytest
from loguru import logger

from inspector import console
from inspector.core.types import SourceInfo
from inspector.pipeline.stats import RunStats


def test_the_progress_adds_up_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    handler = logger.add(lambda line: lines.append(str(line)), format="{message}")
    monkeypatch.setattr(console, "QUIET_S", 0.0)
    info = SourceInfo("web", live=False, frame_count=5)
    first, second = RunStats(), RunStats()
    first.passed, first.failed, second.failed, second.dropped_live = 3, 1, 1, 2
    console.ProgressBar([(info, first), (info, second)]).close()
    logger.remove(handler)
    assert lines[0].startswith("5 frames")
    assert lines[0].endswith("2 failed, 2 dropped\n")
