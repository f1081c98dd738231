"""Queries the runs, the verdicts on parts, and the events of all runs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspector.core.clock import utc_text
from inspector.store.database import Store
from inspector.store.log_rows import VERDICTS


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One source of a run. number: its place in the order of the store. kind: "production" or
    "check". state: open; complete; missing or replaced: the log was removed, or is now that of
    another run. note: a sentence if something was wrong with its log. shown_unit: in which lengths
    are shown. passed, failed, errored: frames that the store has read so far. status, ended_utc,
    captured, dropped, missing: of its summary; None without one."""

    number: int
    run_id: str
    source: str
    folder: Path
    kind: str
    state: str
    note: str | None
    started_utc: str
    recipe_id: str | None
    rule: str | None
    image_threshold: float | None
    pixel_threshold: float | None
    shown_unit: str
    passed: int
    failed: int
    errored: int
    status: str | None
    ended_utc: str | None
    captured: int | None
    dropped: int | None
    missing: int | None
    engine_hash: str | None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A line of a log that is no inspection. fields: those of its type (docs/records.md), without
    outlines of defects. verdict, check: of a part; None for other types. check: name of the routine
    check to which it belongs; None in production."""

    number: int
    type: str
    run_id: str
    source: str
    wall_time_utc: str
    frame_id: int | None
    part_id: str | None
    verdict: str | None
    check: str | None
    fields: dict[str, Any]


def find_stored_runs(
    store: Store, *, before: int | None = None, limit: int = 50
) -> list[StoredRun]:
    """The newest first. before: only runs with a smaller number."""
    with store.read() as db:
        rows = db.execute(
            "SELECT id, run_id, source, folder, kind, state, note, started_ms, recipe, rule, "
            "image_threshold, pixel_threshold, shown_unit, "
            "COALESCE(SUM(passed), 0), COALESCE(SUM(failed), 0), COALESCE(SUM(errored), 0), "
            "status, ended_ms, captured, dropped, missing, engine_hash "
            "FROM runs LEFT JOIN counts ON run = id WHERE ?1 IS NULL OR id < ?1 "
            "GROUP BY id ORDER BY id DESC LIMIT ?2",
            (before, limit),
        ).fetchall()
    runs = []
    for row in rows:
        values = list(row)
        values[3], values[7] = store.locate(row[3]), utc_text(row[7])
        values[17] = None if row[17] is None else utc_text(row[17])
        runs.append(StoredRun(*values))
    return runs


def find_events(
    store: Store,
    *,
    types: tuple[str, ...] = (),
    source: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[StoredEvent]:
    """The newest first. types: such as "health"; none: all types except parts (find_parts). before:
    only events with a smaller number."""
    marks = ", ".join("?" * len(types))
    with store.read() as db:
        rows = db.execute(
            "SELECT e.number, e.type, r.run_id, r.source, e.time_ms, e.frame_id, NULL, NULL, NULL, "
            "e.record FROM events e CROSS JOIN runs r ON r.id = e.run "
            f"WHERE {f'e.type IN ({marks})' if types else '1'} "
            "AND (? IS NULL OR r.source = ?) AND (? IS NULL OR e.number < ?) "
            "ORDER BY e.number DESC LIMIT ?",
            (*types, source, source, before, before, limit),
        ).fetchall()
    return [_event(row) for row in rows]


def find_parts(
    store: Store, *, part_id: str | None = None, before: int | None = None, limit: int = 50
) -> list[StoredEvent]:
    """The verdicts on parts, the newest first. before: only those with a smaller number."""
    with store.read() as db:
        rows = db.execute(
            "SELECT p.number, 'part', r.run_id, r.source, p.time_ms, NULL, p.part_id, p.verdict, "
            "p.check_name, p.record FROM parts p CROSS JOIN runs r ON r.id = p.run "
            f"WHERE {'1' if part_id is None else 'p.part_id = ?'} "
            "AND (? IS NULL OR p.number < ?) ORDER BY p.number DESC LIMIT ?",
            (*(() if part_id is None else (part_id,)), before, before, limit),
        ).fetchall()
    return [_event(row) for row in rows]


def _event(row: tuple[Any, ...]) -> StoredEvent:
    *ids, ms, frame_id, part_id, verdict, check, record = row
    name = None if verdict is None else VERDICTS[verdict]
    values = (*ids, utc_text(ms), frame_id, part_id, name, check, json.loads(record))
    return StoredEvent(*values)
