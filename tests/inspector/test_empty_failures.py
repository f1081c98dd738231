"""Frames that fail without a defect are reported: at once, then rarely, and in the summary."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from loguru import logger
from output_parts import defect, inspection

from inspector import empty_failures
from inspector.core.types import Verdict
from inspector.empty_failures import EmptyFailures

REASON = "FAIL by score 2 >= 1.5; no region reaches the pixel threshold 2"


@pytest.fixture
def lines() -> Iterator[list[str]]:
    texts: list[str] = []
    handle = logger.add(lambda text: texts.append(str(text)), level="WARNING", format="{message}")
    yield texts
    logger.remove(handle)


def test_only_frames_that_fail_without_a_defect_are_reported(lines: list[str]) -> None:
    failures = EmptyFailures("")
    for verdict in Verdict:
        failures.see(inspection(1, verdict=verdict, defects=(defect(),)))
    failures.see(inspection(2))
    failures.see(inspection(3, verdict=Verdict.ERROR))
    assert (lines[1:], failures.warnings) == ([], [])


def test_the_first_is_logged_at_once_and_later_ones_rarely(
    lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = EmptyFailures("left")
    for frame_id in range(5, 50):
        failures.see(replace(inspection(frame_id, verdict=Verdict.FAIL), reason=REASON))
    assert [line.strip() for line in lines] == [
        f"left: 1 frame fails without a defect; the last is frame 5: {REASON}"
    ]
    assert failures.warnings == [f"45 frames fail without a defect; the last is frame 49: {REASON}"]
    monkeypatch.setattr(empty_failures, "REPEAT_S", 0.0)
    failures.see(replace(inspection(50, verdict=Verdict.FAIL), reason=REASON))
    assert len(lines) == 2
