"""Writes the rows of a log into the store, in a transaction of the caller."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from inspector.store.log_rows import Batch, Row, RunFacts
from inspector.store.schema import HOUR, VERDICT_SUMS

_INSERTS: Final = {
    "inspections": "INSERT INTO inspections VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    "defects": "INSERT INTO defects VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
    "parts": "INSERT INTO parts (run, time_ms, part_id, verdict, record, at, check_name, trace) "
    "VALUES (?,?,?,?,?,?,?,?)",
    "events": "INSERT INTO events (run, time_ms, type, frame_id, record, at) VALUES (?,?,?,?,?,?)",
}
_ADD_COUNTS: Final = (
    "INSERT INTO counts VALUES (?,?,?,?,?,?) ON CONFLICT (run, hour, is_check) DO UPDATE SET "
    "passed = passed + excluded.passed, failed = failed + excluded.failed, "
    "errored = errored + excluded.errored"
)


def next_number(db: sqlite3.Connection) -> int:
    """Of the next inspection."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'inspections'").fetchone()
    return 1 if row is None else row[0] + 1


def load_run(db: sqlite3.Connection, run_id: str, source: str) -> RunFacts:
    """The facts of a run that is in the store."""
    row = db.execute(
        "SELECT id, run_id, source, offset, tail, unit, image_threshold, pixel_threshold, "
        "(SELECT COALESCE(MAX(frame_id), -1) FROM inspections WHERE run = id) FROM runs "
        "WHERE run_id = ? AND source = ?",
        (run_id, source),
    ).fetchone()
    return RunFacts(*row)


def write_batch(db: sqlite3.Connection, run: RunFacts, batch: Batch) -> None:
    """Stores the rows, and the place up to which the log is read."""
    db.execute(
        "UPDATE runs SET offset = ?, tail = ? WHERE id = ?", (batch.offset, batch.tail, run.key)
    )
    rows = batch.inspections
    db.executemany(_ADD_COUNTS, [(run.key, *at, *n) for at, n in batch.counts.items()])
    for table, insert in _INSERTS.items():
        values = getattr(batch, table)
        if table in ("inspections", "parts"):
            values = _number_traces(db, values)
        db.executemany(insert, values)
    if rows:
        times = [row[3] for row in rows]
        db.execute(
            "UPDATE runs SET first_number = COALESCE(first_number, ?1), last_number = ?2, "
            "first_ms = MIN(COALESCE(first_ms, ?3), ?3), "
            "last_ms = MAX(COALESCE(last_ms, ?4), ?4) WHERE id = ?5",
            (rows[0][0], rows[-1][0], min(times), max(times), run.key),
        )
    write_files(db, run, batch.files)


def _number_traces(db: sqlite3.Connection, rows: Sequence[Row]) -> list[Row]:
    """The rows with the number of their trace fields in `traces`. New fields get one."""
    new = list(dict.fromkeys(row[-1] for row in rows if row[-1] is not None))
    db.executemany(
        "INSERT OR IGNORE INTO traces (serial, lot, shift, operator) VALUES (?,?,?,?)", new
    )
    query = "SELECT id FROM traces WHERE (serial, lot, shift, operator) = (?,?,?,?)"
    numbers = {trace: db.execute(query, trace).fetchone()[0] for trace in new}
    return [(*row[:-1], numbers.get(row[-1])) for row in rows]


def subtract_counts(db: sqlite3.Connection, run: RunFacts, offset: int) -> None:
    """Removes the inspections of all lines from this byte on from the counts."""
    lost = db.execute(
        f"SELECT run, {HOUR} AS hour, check_name IS NOT NULL AS is_check, {VERDICT_SUMS} "
        "FROM inspections WHERE run = ? AND at >= ? GROUP BY hour, is_check",
        (run.key, offset),
    ).fetchall()
    db.executemany(_ADD_COUNTS, [(*row[:3], *(-n for n in row[3:])) for row in lost])


def write_files(
    db: sqlite3.Connection, run: RunFacts, changes: dict[str, tuple[Any, ...] | None]
) -> None:
    """changes: path -> row, None for a file that was removed."""
    removed = [(run.key, path) for path, row in changes.items() if row is None]
    db.executemany("DELETE FROM files WHERE run = ? AND path = ?", removed)
    rows = [row for row in changes.values() if row is not None]
    db.executemany("INSERT OR REPLACE INTO files VALUES (?,?,?,?,?)", rows)
