"""Tests that the store has every inspection of the logs once, after whatever happened to them."""

from pathlib import Path

import pytest
from output_parts import defect
from store_runs import LogOfRun, follow, frame, frames, open_store, rows

from inspector.core.types import Verdict
from inspector.outputs.folder import LOG
from inspector.store.history import HistoryFilter, find_defects, find_inspections

COUNT = "SELECT COUNT(*), COUNT(DISTINCT frame_id) FROM inspections"


def test_a_run_is_in_the_store_with_its_figures(tmp_path: Path) -> None:
    log = LogOfRun(tmp_path / "runs/a").add(*frames(3))
    log.add(frame(3, Verdict.FAIL, defects=(defect(), defect(1)), score=3.5, part_id="p7"))
    log.add(frame(5, Verdict.ERROR))
    log.finish()
    with open_store(tmp_path / "store.sqlite") as store:
        follow(store, tmp_path / "runs/a")
        found_rows = find_inspections(store, HistoryFilter())
        assert [row.frame_id for row in found_rows] == [5, 3, 2, 1, 0]
        failed = found_rows[1]
        assert (failed.verdict, failed.score, failed.part_id) == ("FAIL", 3.5, "p7")
        assert (failed.worst_length_mm, failed.defects) == (0.566, 2)
        assert failed.wall_time_utc == "2026-01-31T12:00:00.300Z"
        assert (failed.image_threshold, failed.pixel_threshold) == (1.5, 2.0)
        assert failed.folder == tmp_path / "runs/a"
        assert (found_rows[0].cause, found_rows[0].error) == ("decode", "torn")
        sizes = find_defects(store, "r1", "main", 3)
        assert [size["defect_id"] for size in sizes] == [0, 1]
        assert (sizes[0]["length"], sizes[0]["length_u"], sizes[0]["unit"]) == (0.566, 0.01, "mm")
        assert rows(store, "SELECT state, status, captured FROM runs") == [
            ("complete", "finished", 5)
        ]


def test_new_lines_are_read_once_while_the_log_grows(tmp_path: Path) -> None:
    log = LogOfRun(tmp_path / "a")
    with open_store(tmp_path / "store.sqlite") as store:
        for first in range(0, 30, 10):
            log.add(*frames(10, first))
            follow(store, tmp_path / "a")
            assert rows(store, COUNT) == [(first + 10, first + 10)]
        log.finish()
        follow(store)
        follow(store)
        assert rows(store, COUNT) == [(30, 30)]
        assert rows(store, "SELECT closed, note FROM folders") == [(1, None)]


@pytest.mark.parametrize("cut", [1, 30, 400])
def test_an_incomplete_line_waits_for_its_end(tmp_path: Path, cut: int) -> None:
    LogOfRun(tmp_path / "a").add(*frames(5))
    path = tmp_path / "a" / LOG
    content = path.read_bytes()
    path.write_bytes(content[:-cut])
    with open_store(tmp_path / "store.sqlite") as store:
        follow(store, tmp_path / "a")
        assert rows(store, COUNT) == [(4, 4)]
        path.write_bytes(content)
        follow(store)
        assert rows(store, COUNT) == [(5, 5)]
