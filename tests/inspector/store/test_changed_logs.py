"""Tests that logs which are incomplete, damaged, moved or replaced are read once, and described."""

import json
import shutil
from pathlib import Path

import pytest
from log_lines import warnings_of
from store_runs import LogOfRun, follow, frames, open_store, rows
from waiting import wait_for

from inspector.outputs.folder import LOG, SUMMARY
from inspector.store.database import Store
from inspector.store.events import find_stored_runs
from inspector.store.filters import HistoryFilter
from inspector.store.follower import Follower
from inspector.store.history import find_inspections, read_measured

COUNT = "SELECT COUNT(*), COUNT(DISTINCT frame_id) FROM inspections"
EVERYTHING = HistoryFilter()


@pytest.mark.parametrize("cut", [1, 30, 400])
def test_an_incomplete_line_waits_for_its_end(store: Store, tmp_path: Path, cut: int) -> None:
    LogOfRun(tmp_path / "a").add(*frames(5))
    path = tmp_path / "a" / LOG
    content = path.read_bytes()
    path.write_bytes(content[:-cut])
    follow(store, tmp_path / "a")
    assert rows(store, COUNT) == [(4, 4)]
    path.write_bytes(content)
    follow(store)
    assert rows(store, COUNT) == [(5, 5)]


def test_a_verdict_without_sizes_counts_at_the_end_of_a_killed_run(
    store: Store, tmp_path: Path
) -> None:
    LogOfRun(tmp_path / "a").add(*frames(3))
    path = tmp_path / "a" / LOG
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    follow(store, tmp_path / "a")
    assert rows(store, COUNT) == [(2, 2)]
    (tmp_path / "a" / SUMMARY).write_text('{"status": "killed"}')
    with warnings_of() as warnings:
        follow(store)
    assert rows(store, COUNT) == [(3, 3)]
    assert "summary.json cannot be used: KeyError: 'captured'" in warnings[0]


def test_all_folders_may_move_together(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    with open_store(old / "store.sqlite") as store:
        log = LogOfRun(old / "runs/a").add(*frames(3))
        follow(store, old / "runs/a")
    log.add(*frames(2, 3)).finish()
    old.rename(new)
    with open_store(new / "store.sqlite") as store:
        follow(store)
        assert rows(store, COUNT) == [(5, 5)]
        assert find_stored_runs(store)[0].folder == new / "runs/a"


def test_a_run_folder_may_move(store: Store, tmp_path: Path) -> None:
    log = LogOfRun(tmp_path / "runs/a").add(*frames(3))
    follow(store, tmp_path / "runs/a")
    log.add(*frames(2, 3)).finish()
    (tmp_path / "runs/a").rename(tmp_path / "runs/b")
    follow(store)
    assert rows(store, COUNT) == [(5, 5)]
    assert find_stored_runs(store)[0].folder == tmp_path / "runs/b"


def test_a_copy_of_a_run_is_not_read(store: Store, tmp_path: Path) -> None:
    LogOfRun(tmp_path / "runs/a").add(*frames(3)).finish()
    follow(store, tmp_path / "runs/a")
    shutil.copytree(tmp_path / "runs/a", tmp_path / "runs/b")
    with warnings_of() as warnings:
        follow(store)
    assert rows(store, COUNT) == [(3, 3)]
    assert "is a copy of" in warnings[0]


def test_a_removed_log_is_a_sentence(store: Store, tmp_path: Path) -> None:
    LogOfRun(tmp_path / "runs/a").add(*frames(3))
    follower = Follower(store, 0.01)
    follower.watch(tmp_path / "runs/a")
    wait_for(lambda: rows(store, COUNT) == [(3, 3)])
    with warnings_of() as warnings:
        (tmp_path / "runs/a" / LOG).unlink()
        follower.stop()
    assert follower.failure is None
    assert "was removed before it was read to its end" in warnings[0]
    (run,) = find_stored_runs(store)
    assert (run.state, len(find_inspections(store, EVERYTHING))) == ("missing", 3)


def test_a_folder_that_was_removed_between_two_starts(store: Store, tmp_path: Path) -> None:
    LogOfRun(tmp_path / "runs/a").add(*frames(3))
    follow(store, tmp_path / "runs/a")
    shutil.rmtree(tmp_path / "runs/a")
    follow(store)
    (run,) = find_stored_runs(store)
    assert (run.state, run.note) == ("missing", f"{tmp_path / 'runs/a'} was removed")
    assert rows(store, COUNT) == [(3, 3)]


@pytest.mark.parametrize("lines_left", [1, 3, 6])
def test_a_log_that_lost_its_end_in_a_power_cut(
    store: Store, tmp_path: Path, lines_left: int
) -> None:
    """The store was on the disk, the end of the log was not. The run did not continue."""
    LogOfRun(tmp_path / "a").add(*frames(5))
    path = tmp_path / "a" / LOG
    follow(store, tmp_path / "a")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:lines_left]) + lines[lines_left][:50])
    with warnings_of() as warnings:
        follow(store)
    expected = list(range((lines_left - 1) // 2))
    assert [row.frame_id for row in find_inspections(store, EVERYTHING)][::-1] == expected
    assert "lost its lines from byte" in warnings[0]
    LogOfRun(tmp_path / "a").add(*frames(7)).finish()
    follow(store)
    assert rows(store, COUNT) == [(7, 7)]


def test_a_log_that_another_run_replaced(store: Store, tmp_path: Path) -> None:
    LogOfRun(tmp_path / "a").add(*frames(5)).finish()
    follow(store, tmp_path / "a")
    (tmp_path / "a" / SUMMARY).unlink()
    LogOfRun(tmp_path / "a", run_id="r2").add(*frames(9)).finish()
    follow(store, tmp_path / "a")
    states = {run.run_id: run.state for run in find_stored_runs(store)}
    assert states == {"r1": "replaced", "r2": "complete"}
    old = find_inspections(store, HistoryFilter(run_id="r1"))
    assert len(old) == 5
    assert read_measured(old[0]) is None
    assert len(find_inspections(store, HistoryFilter(run_id="r2"))) == 9


def test_a_log_that_is_replaced_while_it_is_followed(store: Store, tmp_path: Path) -> None:
    LogOfRun(tmp_path / "a").add(*frames(5))
    follower = Follower(store, 0.01)
    follower.watch(tmp_path / "a")
    wait_for(lambda: rows(store, COUNT) == [(5, 5)])
    LogOfRun(tmp_path / "a", run_id="r2").add(*frames(9)).finish()
    follower.stop()
    assert follower.failure is None
    states = {run.run_id: run.state for run in find_stored_runs(store)}
    assert states == {"r1": "replaced", "r2": "complete"}
    assert rows(store, "SELECT COUNT(*) FROM inspections") == [(14,)]


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record.update(score="high"),
        lambda record: record.update(verdict="MAYBE"),
        lambda record: record.pop("defects"),
        lambda record: record.update(frame_id=0),
        lambda record: record.update(wall_time_utc="noon"),
    ],
)
def test_a_damaged_line_is_left_out_with_a_sentence(
    store: Store, tmp_path: Path, damage: object
) -> None:
    LogOfRun(tmp_path / "a").add(*frames(5)).finish()
    path = tmp_path / "a" / LOG
    records = [json.loads(line) for line in path.read_text().splitlines()]
    damage(records[6])  # type: ignore[operator]
    lines = [json.dumps(record, separators=(",", ":")) + "\n" for record in records]
    path.write_text("".join(lines))
    with warnings_of() as warnings:
        follow(store, tmp_path / "a")
    assert [row.frame_id for row in find_inspections(store, EVERYTHING)] == [4, 3, 1, 0]
    assert "cannot be used" in warnings[0]
    assert find_stored_runs(store)[0].note in warnings[0]


@pytest.mark.parametrize(
    "header", [b"", b"\n", b"[]\n", b'{"type":"header","format":1}\n', b"\xff\x00\n"]
)
def test_a_file_that_is_no_log_is_a_sentence(store: Store, tmp_path: Path, header: bytes) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / LOG).write_bytes(header)
    (tmp_path / "a" / SUMMARY).write_text("{}")
    with warnings_of() as warnings:
        follower = follow(store, tmp_path / "a")
    assert follower.failure is None
    assert len(warnings) == 1
    assert rows(store, "SELECT closed FROM folders") == [(1,)]
