"""Tests that the store has every inspection of the logs once, after whatever happened to them."""

import contextlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from log_lines import warnings_of
from output_parts import UTC, defect
from report_runs import closed, scratch
from store_runs import START_MS, LogOfRun, follow, frame, frames, open_store, rows
from waiting import wait_for

from inspector.core.events import Checkpoint
from inspector.core.file_hash import FileState
from inspector.core.files import sole_writer
from inspector.core.types import Verdict
from inspector.store.database import Store
from inspector.store.events import find_events, find_stored_runs
from inspector.store.filters import HistoryFilter
from inspector.store.follower import Follower
from inspector.store.history import find_defects, find_inspections, read_measured

COUNT = "SELECT COUNT(*), COUNT(DISTINCT frame_id) FROM inspections"
EVERYTHING = HistoryFilter()


def test_a_run_is_in_the_store_with_its_figures(store: Store, tmp_path: Path) -> None:
    log = LogOfRun(tmp_path / "runs/a").add(*frames(3))
    log.add(frame(3, Verdict.FAIL, defects=(defect(), defect(1)), score=3.5, part_id="p7"))
    log.add(frame(5, Verdict.ERROR))
    log.finish(captured=6, dropped=1)
    follow(store, tmp_path / "runs/a")
    inspections = find_inspections(store, EVERYTHING)
    assert [row.frame_id for row in inspections] == [5, 3, 2, 1, 0]
    errored, failed, *_ = inspections
    assert (failed.verdict, failed.score, failed.part_id) == ("FAIL", 3.5, "p7")
    assert (failed.worst_length_mm, failed.defects) == (0.566, 2)
    assert failed.wall_time_utc == "2026-01-31T12:00:00.300Z"
    assert (failed.image_threshold, failed.pixel_threshold) == (1.5, 2.0)
    assert failed.folder == tmp_path / "runs/a"
    assert (errored.cause, errored.error) == ("decode", "torn")
    sizes = find_defects(store, "r1", "main", 3)
    assert [size["defect_id"] for size in sizes] == [0, 1]
    assert (sizes[0]["length"], sizes[0]["length_u"], sizes[0]["unit"]) == (0.566, 0.01, "mm")
    (run,) = find_stored_runs(store)
    assert (run.state, run.status, run.captured, run.dropped) == ("complete", "finished", 6, 1)
    assert (run.rule, run.kind, run.folder) == ("score", "production", tmp_path / "runs/a")


def test_sizes_without_a_calibration_are_in_px(store: Store, tmp_path: Path) -> None:
    log = LogOfRun(tmp_path / "a", calibration_hash=None)
    log.add(frame(0, Verdict.FAIL, defects=(defect(calibrated=False),)))
    follow(store, tmp_path / "a")
    (row,) = find_inspections(store, EVERYTHING)
    assert (row.worst_length, row.size_unit, row.worst_length_mm) == (5.66, "px", None)
    assert find_defects(store, "r1", "main", 0)[0]["area"] == 16.0


def test_outlines_stay_in_the_log_and_are_read_from_there(store: Store, tmp_path: Path) -> None:
    log = LogOfRun(tmp_path / "a").add(*frames(4))
    log.add(frame(4, Verdict.FAIL, defects=(defect(),)), *frames(2, 5)).finish()
    follow(store, tmp_path / "a")
    row = find_inspections(store, HistoryFilter(verdicts=("FAIL",)))[0]
    record = read_measured(row)
    assert record is not None
    assert record["frame_id"] == 4
    assert len(record["defects"][0]["polygons"][0]) == 4
    shutil.rmtree(tmp_path / "a")
    assert read_measured(row) is None


def test_events_and_hashes_of_files_are_stored(store: Store, tmp_path: Path) -> None:
    state, gone = FileState(10, "ab" * 32), "snapshots/frame_00000001_FAIL.jpg"
    track = closed("r1/main/d3", scratch(1, 2.0), 0, 4, 2)
    log = LogOfRun(tmp_path / "a").add(*frames(2), track)
    checkpoint = {"wall_time_utc": UTC, "frame_id": 1, "key_id": None}
    log.add(Checkpoint(files={gone: state, "originals/frame_00000001.png": state}, **checkpoint))
    log.add(Checkpoint(files={gone: None}, **checkpoint))
    log.finish({"annotated.mp4": state.plain()})
    follow(store, tmp_path / "a")
    (event,) = find_events(store)
    assert (event.type, event.frame_id) == ("defect_closed", 4)
    assert event.fields["sightings"] == 5
    assert event.fields["defect"]["length_mm"] == 2.0
    assert "polygons" not in event.fields["defect"]
    files = rows(store, "SELECT path, frame_id, bytes, hex(sha256) FROM files ORDER BY path")
    digest = "AB" * 32
    assert files == [
        ("annotated.mp4", None, 10, digest),
        ("originals/frame_00000001.png", 1, 10, digest),
    ]


def test_tracks_have_short_ids(store: Store, tmp_path: Path) -> None:
    row = scratch(0, 1.0, track_id="r1/main/d12")
    LogOfRun(tmp_path / "a").add(frame(0, Verdict.FAIL, defects=(row,)))
    follow(store, tmp_path / "a")
    assert find_defects(store, "r1", "main", 0)[0]["track_id"] == "d12"


def test_new_lines_are_read_once_while_the_log_grows(store: Store, tmp_path: Path) -> None:
    log = LogOfRun(tmp_path / "a")
    for first in range(0, 30, 10):
        log.add(*frames(10, first))
        follow(store, tmp_path / "a")
        assert rows(store, COUNT) == [(first + 10, first + 10)]
    log.finish()
    follow(store)
    follow(store)
    assert rows(store, COUNT) == [(30, 30)]
    assert rows(store, "SELECT closed, note FROM folders") == [(1, None)]


def test_several_sources_and_runs_below_the_store(store: Store, tmp_path: Path) -> None:
    top = tmp_path / "runs/2026-01-31/12-00-00"
    for source in ("left", "right"):
        LogOfRun(top / source, source=source, check="daily").add(*frames(4)).finish()
    follower = follow(store, top)
    assert follower.failure is None
    LogOfRun(tmp_path / "runs/2026-01-31/13-00-00", run_id="r2").add(*frames(2)).finish()
    follow(store)
    runs = {(run.run_id, run.source): run.kind for run in find_stored_runs(store)}
    assert runs == {
        ("r1", "left"): "check",
        ("r1", "right"): "check",
        ("r2", "main"): "production",
    }
    assert rows(store, "SELECT COUNT(*) FROM inspections") == [(10,)]


def test_a_run_that_ended_without_a_summary_is_followed_until_the_next_start(
    store: Store, tmp_path: Path
) -> None:
    log = LogOfRun(tmp_path / "runs/a").add(*frames(3))
    follower = Follower(store, 0.01)
    with warnings_of() as warnings:
        follower.watch(tmp_path / "runs/a")
        follower.leave(tmp_path / "runs/a")
        wait_for(lambda: warnings)
    assert "ended without a summary" in warnings[0]
    log.add(*frames(2, 3))
    follower.stop()
    assert rows(store, COUNT) == [(3, 3)]
    follow(store)
    assert rows(store, COUNT) == [(5, 5)]


def test_a_killed_run_of_several_sources_ends_when_all_its_logs_are_complete(
    store: Store, tmp_path: Path
) -> None:
    logs = [LogOfRun(tmp_path / "runs/a" / n, source=n).add(*frames(2)) for n in ("l", "r")]
    follow(store, tmp_path / "runs/a")
    for log in logs:
        log.finish()  # recovering writes no summary over all sources
    follow(store)
    assert rows(store, "SELECT closed FROM folders") == [(1,)]


@pytest.mark.parametrize("is_written", [False, True])
def test_a_killed_run_that_nobody_can_complete_is_followed_until_the_next_start(
    store: Store, tmp_path: Path, is_written: bool
) -> None:
    log = LogOfRun(tmp_path / "runs/a").add(*frames(3))
    writer = sole_writer(tmp_path / "runs/a") if is_written else contextlib.nullcontext()
    with writer:
        follower = Follower(store, 0.01)
        follower.catch_up()
        follower.leave(None)
        wait_for(lambda: rows(store, COUNT) == [(3, 3)])
        LogOfRun(tmp_path / "runs/b", run_id="r2").add(*frames(1))
        follower.watch(tmp_path / "runs/b")
        wait_for(lambda: len(find_stored_runs(store)) == 2)  # so the pass before has ended
        log.add(*frames(2, 3))
        follower.stop()
    assert len(find_inspections(store, HistoryFilter(run_id="r1"))) == (5 if is_written else 3)


@pytest.mark.parametrize("jump_ms", [-6 * 3_600_000, -START_MS, 10**12])
def test_a_jump_of_the_wall_clock_changes_no_order(
    store: Store, tmp_path: Path, jump_ms: int
) -> None:
    log = LogOfRun(tmp_path / "a").add(*frames(5))
    jumped = [frame(n, ms=START_MS + jump_ms + n) for n in range(5, 10)]
    log.add(*jumped, *frames(5, 10)).finish()
    follow(store, tmp_path / "a")
    ids = [row.frame_id for row in find_inspections(store, EVERYTHING)]
    assert ids == list(range(14, -1, -1))
    at = jumped[0].frame.wall_time_utc
    later = find_inspections(
        store, HistoryFilter(from_utc=at, to_utc=jumped[4].frame.wall_time_utc)
    )
    assert [row.frame_id for row in later] == [8, 7, 6, 5]


def test_two_followers_of_the_same_logs_double_nothing(store: Store, tmp_path: Path) -> None:
    log = LogOfRun(tmp_path / "a")
    with open_store(store.path) as other:
        followers = [Follower(store, 0.001), Follower(other, 0.001)]
        for follower in followers:
            follower.watch(tmp_path / "a")
        for first in range(0, 300, 3):
            log.add(*frames(3, first))
        log.finish()
        for follower in followers:
            follower.stop()
            assert follower.failure is None
    assert rows(store, COUNT) == [(300, 300)]


def test_only_the_newest_inspections_stay(store: Store, tmp_path: Path) -> None:
    for number in range(4):
        log = LogOfRun(tmp_path / f"runs/{number}", run_id=f"r{number}")
        fail = frame(9, Verdict.FAIL, defects=(defect(),), ms=5)
        log.add(*frames(9), replace(fail)).finish()
    follower = Follower(store, 0.001, max_inspections=15)
    follower.catch_up()
    wait_for(lambda: rows(store, "SELECT 1 FROM runs WHERE id = 4"))
    wait_for(lambda: rows(store, COUNT)[0][0] == 15)
    follower.stop()
    inspections = find_inspections(store, EVERYTHING)
    assert [row.run_id for row in inspections] == ["r3"] * 10 + ["r2"] * 5
    assert rows(store, "SELECT COUNT(*) FROM defects") == [(2,)]
    follow(store)
    assert rows(store, "SELECT COUNT(*) FROM inspections") == [(15,)]


def test_a_full_disk_stops_only_the_store_until_there_is_space(
    store: Store, tmp_path: Path
) -> None:
    log = LogOfRun(tmp_path / "a").add(*frames(3))
    with store.transaction() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
    with warnings_of() as warnings:
        follower = Follower(store, 0.001)
        follower.watch(tmp_path / "a")
        log.add(*frames(3000, 3)).finish()
        wait_for(lambda: follower.failure is not None)
    assert "database or disk is full" in follower.failure
    assert "inspecting continues, and the logs are complete" in warnings[0]
    assert len(warnings) == 1
    with store.transaction() as db:
        db.execute("PRAGMA max_page_count = 1000000")
    follower.stop()
    assert follower.failure is None
    assert rows(store, COUNT) == [(3003, 3003)]
    assert find_stored_runs(store)[0].state == "complete"
