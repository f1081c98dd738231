"""Dropped frames are reported: at once, then rarely, and in the summary."""

from collections.abc import Iterator

import pytest
from loguru import logger
from pipeline_rig import ListSource

from inspector.pipeline import drops
from inspector.pipeline.drops import Drops
from inspector.pipeline.stats import RunStats


@pytest.fixture
def lines() -> Iterator[list[str]]:
    texts: list[str] = []
    handle = logger.add(lambda text: texts.append(str(text)), level="WARNING", format="{message}")
    yield texts
    logger.remove(handle)


def make_stats(captured: int) -> RunStats:
    stats = RunStats()
    stats.received = captured
    return stats


def test_without_a_drop_nothing_is_reported(lines):
    counted = Drops(ListSource([], live=True))
    counted.count(0, make_stats(100))
    assert (lines, counted.warnings) == ([], [])


def test_the_first_drop_is_logged_at_once_and_later_ones_rarely(lines, monkeypatch):
    counted = Drops(ListSource([], live=True))
    for dropped in range(1, 50):
        counted.count(dropped, make_stats(100))
    assert len(lines) == 1
    assert lines[0].startswith("rig: 1 frame was dropped of 100 captured: the machine is too slow")
    monkeypatch.setattr(drops, "REPEAT_S", 0)
    counted.count(60, make_stats(200))
    counted.count(60, make_stats(200))
    assert len(lines) == 2
    assert "60 frames were dropped of 200" in lines[1]


def test_the_summary_has_the_last_counts_in_a_single_sentence():
    counted = Drops(ListSource([], live=True))
    counted.count(1, make_stats(10))
    counted.count(7, make_stats(30))
    (warning,) = counted.warnings
    assert "7 frames were dropped of 30 captured" in warning


def test_only_a_live_source_may_drop():
    assert Drops(ListSource([], live=True)).allowed
    assert not Drops(ListSource([], live=False)).allowed


class Buffered(ListSource):
    buffered = True
    dropped = 3


def test_a_source_that_holds_its_frames_counts_its_drops_itself():
    source = Buffered([], live=True)
    counted, stats = Drops(source), make_stats(10)
    assert not counted.allowed
    counted.count(0, stats)
    assert (stats.captured, stats.dropped_live) == (13, 3)
    source.buffered = False
    assert counted.allowed
