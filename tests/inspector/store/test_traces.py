"""Tests serial, lot, shift and operator in the store: their rows and the filters by them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from part_scenes import make_stage, run_stage, see
from store_runs import LogOfRun, follow, frame, frames, open_store, rows

from inspector.core.events import Part
from inspector.core.trace import TraceFields
from inspector.parts.grouping import SequenceGrouping, count_frames
from inspector.store.database import Store
from inspector.store.events import find_parts
from inspector.store.filters import HistoryFilter
from inspector.store.history import count_verdicts, find_inspection, find_inspections
from inspector.store.trimming import trim

FIRST = TraceFields("S1", "L7", "early", "Anna")
SECOND = TraceFields("S2", "L7")


def part(part_id: str, trace: TraceFields) -> Part:
    stage = make_stage(lambda book: SequenceGrouping(book, count_frames("run", 1)))
    return replace(run_stage(stage, [see(0)]).parts[0], part_id=part_id, trace=trace)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Run r1: frames 0 to 2 of part A, whose serial is known from frame 1 on, then frames 3 and 4
    of part B, whose serial only the line of the part has. The source `right` sees B in its frame 0.
    Run r2: another part A without fields."""
    base = tmp_path_factory.mktemp("traces")
    log = LogOfRun(base / "1/left", source="left")
    for number in range(5):
        trace = FIRST if number in (1, 2) else TraceFields()
        item = frame(number, part_id="A" if number < 3 else "B")
        log.add(replace(item, trace=trace))
    log.add(part("A", FIRST), part("B", SECOND))
    right = LogOfRun(base / "1/right", source="right").add(frame(0, part_id="B"), frame(1))
    other = LogOfRun(base / "2", run_id="r2").add(frame(0, part_id="A"))
    with open_store(base / "store.sqlite") as store:
        follow(store, log.finish(), right.finish(), other.finish())
        yield store


def select(store: Store, **values: Any) -> list[tuple[str, str, int]]:
    found_rows = find_inspections(store, HistoryFilter(**values))
    return sorted((row.run_id, row.source, row.frame_id) for row in found_rows)


def test_a_frame_has_its_fields(store: Store) -> None:
    row = find_inspection(store, "r1", "left", 1)
    assert row is not None
    assert (row.serial, row.lot, row.shift, row.operator) == ("S1", "L7", "early", "Anna")
    row = find_inspection(store, "r1", "left", 0)
    assert row is not None
    assert (row.serial, row.lot, row.shift, row.operator) == (None, None, None, None)


def test_each_combination_is_stored_once(store: Store) -> None:
    assert rows(store, "SELECT serial, lot, shift, operator FROM traces ORDER BY id") == [
        ("S1", "L7", "early", "Anna"),
        ("S2", "L7", "", ""),
    ]


def test_a_filter_gives_all_frames_of_the_parts_that_have_the_value(store: Store) -> None:
    first = [("r1", "left", number) for number in (0, 1, 2)]
    second = [("r1", "left", 3), ("r1", "left", 4), ("r1", "right", 0)]
    assert select(store, serial="S1") == first
    assert select(store, serial="S2") == second
    assert select(store, lot="L7") == first + second
    assert select(store, lot="L7", sources=("right",)) == [("r1", "right", 0)]
    assert select(store, serial="A' OR 1") == []
    (count,) = count_verdicts(store, HistoryFilter(lot="L7"), by="verdict")
    assert count.passed == 6


def test_a_part_has_its_fields(store: Store) -> None:
    (event,) = find_parts(store, part_id="B")
    assert (event.fields["serial"], event.fields["lot"]) == ("S2", "L7")


def test_a_log_without_the_fields_needs_no_row(tmp_path: Path) -> None:
    log = LogOfRun(tmp_path / "1").add(*frames(3))
    with open_store(tmp_path / "store.sqlite") as store:
        follow(store, log.finish())
        assert rows(store, "SELECT COUNT(*) FROM traces") == [(0,)]
        assert rows(store, "SELECT DISTINCT trace FROM inspections") == [(None,)]


def test_fields_that_no_row_uses_any_more_are_removed(tmp_path: Path) -> None:
    """The line of part A keeps its fields until the whole run is removed."""
    shared = TraceFields(lot="L7")
    old = LogOfRun(tmp_path / "1", run_id="r1")
    for number, trace in enumerate((TraceFields("S0", "L7"), shared, TraceFields("S2", "L7"))):
        old.add(replace(frame(number, part_id="A"), trace=trace))
    old.add(part("A", TraceFields("S9", "L7")))
    new = LogOfRun(tmp_path / "2", run_id="r2").add(replace(frame(0), trace=shared))
    with open_store(tmp_path / "store.sqlite") as store:
        follow(store, old.finish(), new.finish())
        query = "SELECT serial FROM traces ORDER BY id"
        assert rows(store, query) == [("S0",), ("",), ("S2",), ("S9",)]
        trim(store, 2)
        assert rows(store, query) == [("",), ("S2",), ("S9",)]
        trim(store, 1)
        assert rows(store, query) == [("",)]
