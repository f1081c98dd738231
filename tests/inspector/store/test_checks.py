"""Tests the results of routine checks, and that check frames are apart from production."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from store_runs import LogOfRun, follow, frame, open_store

from inspector.core.events import Part
from inspector.core.types import Verdict
from inspector.store.checks import (
    add_check_result,
    find_challenge_parts,
    find_check_results,
    find_last_result,
    find_unit_verdicts,
    last_part_number,
)
from inspector.store.database import Store
from inspector.store.events import find_parts, find_stored_runs
from inspector.store.history import (
    HistoryFilter,
    count_verdicts,
    find_inspections,
    last_scores,
)

CONFIG = {
    "verdict": {"rule": "score"},
    "output": {},
    "checks": [{"name": "hourly", "part_id": "CH-*"}, {"name": "daily", "part_id": None}],
}


def part(part_id: str, verdict: Verdict) -> Part:
    counts = dict.fromkeys(("frames_errored", "frames_dropped", "defects", "sightings"), 0)
    return Part(
        wall_time_utc="2026-01-31T12:00:00.000Z",
        part_id=part_id,
        verdict=verdict,
        rule="any",
        sources=("main",),
        cause=None,
        error=None,
        first_frame_id=0,
        last_frame_id=0,
        frames=1,
        frames_failed=int(verdict is Verdict.FAIL),
        score=None,
        worst_frame_id=None,
        views=(),
        **counts,
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Run r1 of production with two challenge parts among its three, and the check run r2."""
    base = tmp_path_factory.mktemp("checks")
    log = LogOfRun(base / "runs/1", config=CONFIG)
    for number, (part_id, verdict) in enumerate(
        [("CH-1", Verdict.FAIL), ("p-2", Verdict.PASS), ("CH-3", Verdict.PASS)]
    ):
        log.add(frame(number, verdict, part_id=part_id))
        log.add(part(part_id, verdict))
    log.add(frame(3)).finish()
    log = LogOfRun(base / "runs/2", run_id="r2", check="daily")
    log.add(frame(0, Verdict.FAIL), frame(1)).finish()
    with open_store(base / "store.sqlite") as store:
        follow(store)
        yield store


def test_check_frames_are_apart_from_production(store: Store) -> None:
    production = find_inspections(store, HistoryFilter(kind="production"))
    assert [(row.run_id, row.frame_id) for row in production] == [("r1", 3), ("r1", 1)]
    checks = find_inspections(store, HistoryFilter(kind="check"))
    assert {row.kind for row in checks} == {"check"}
    assert sorted((row.run_id, row.frame_id) for row in checks) == [
        *(("r1", 0), ("r1", 2), ("r2", 0), ("r2", 1)),
    ]
    assert {run.run_id: run.kind for run in find_stored_runs(store)} == {
        "r1": "production",
        "r2": "check",
    }


@pytest.mark.parametrize("part_id", [None, "CH-1"])
def test_counts_have_check_frames_only_if_asked(store: Store, part_id: str | None) -> None:
    """With a part_id the rows are counted, without it the counts of hours."""

    def count(kind: str | None) -> tuple[int, int]:
        values = HistoryFilter(kind=kind, part_id=part_id)
        counts = count_verdicts(store, values, by="verdict")
        return (counts[0].passed, counts[0].failed) if counts else (0, 0)

    expected = [(2, 0), (2, 2), (4, 2)] if part_id is None else [(0, 0), (0, 1), (0, 1)]
    assert [count("production"), count("check"), count(None)] == expected


def test_scores_of_production_have_no_challenge_part(store: Store) -> None:
    assert [(f.run_id, f.frame_id) for f in last_scores(store, "main")] == [("r1", 3), ("r1", 1)]


def test_challenge_parts_are_listed_by_check(store: Store) -> None:
    parts = find_challenge_parts(store, "hourly", after=0)
    assert [(p.part_id, p.verdict) for p in parts] == [("CH-1", "FAIL"), ("CH-3", "PASS")]
    assert find_challenge_parts(store, "hourly", after=parts[-1].number) == []
    assert find_challenge_parts(store, "daily", after=0) == []
    assert last_part_number(store) == parts[-1].number
    assert [p.check for p in find_parts(store)] == ["hourly", None, "hourly"]


def test_verdicts_of_a_run_are_known_when_its_log_is_read_to_the_end(
    store: Store, tmp_path: Path
) -> None:
    assert find_unit_verdicts(store, "r2", parts=False, limit=9) == ["FAIL", "PASS"]
    assert find_unit_verdicts(store, "r1", parts=True, limit=2) == ["FAIL", "PASS"]
    assert find_unit_verdicts(store, "unknown", parts=True, limit=2) is None
    log = LogOfRun(tmp_path / "runs/3", run_id="r3", check="daily").add(frame(0))
    with open_store(tmp_path / "store.sqlite") as growing:
        follow(growing)
        assert find_unit_verdicts(growing, "r3", parts=False, limit=9) is None
        log.finish()
        follow(growing)
        assert find_unit_verdicts(growing, "r3", parts=False, limit=9) == ["PASS"]


def test_results_are_found_by_name_and_by_schedule(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.sqlite") as store:
        assert find_last_result(store, "daily") is None
        first = add_check_result(
            store, name="daily", kind="folder", passed=True, text="3 of 3", slot_ms=7, content="a"
        )
        add_check_result(store, name="daily", kind="folder", passed=False, text="2", who="m.weber")
        add_check_result(store, name="other", kind="part_id", passed=True, text="x", part_number=9)
        newest = find_last_result(store, "daily")
        assert newest is not None
        assert (newest.passed, newest.text, newest.who) == (False, "2", "m.weber")
        scheduled = find_last_result(store, "daily", scheduled_only=True)
        assert scheduled is not None
        assert (scheduled.number, scheduled.slot_ms, scheduled.content) == (first, 7, "a")
        assert [r.name for r in find_check_results(store)] == ["other", "daily", "daily"]
        assert find_check_results(store, before=first) == []
