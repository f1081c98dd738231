"""Queries the inspections of all runs."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from inspector.core.clock import utc_ms, utc_text
from inspector.core.errors import ConfigError
from inspector.outputs.folder import LOG, ORIGINALS, SNAPSHOTS, original_name, snapshot_name
from inspector.outputs.json_log import parse_record
from inspector.outputs.records import Record
from inspector.store.database import Store
from inspector.store.log_rows import VERDICTS

_FEEDBACK: Final = (
    "(SELECT f.answer FROM feedback f WHERE f.run = i.run AND f.frame_id = i.frame_id "
    "ORDER BY f.number DESC LIMIT 1)"
)
"""The answer that counts for a frame."""

_VERDICT: Final = f"json_extract('{json.dumps(VERDICTS)}', '$[' || i.verdict || ']')"
_COLUMNS: Final = (
    f"i.number, r.run_id, r.source, i.frame_id, i.time_ms, {_VERDICT}, i.score, "
    "COALESCE(i.image_threshold, r.image_threshold), "
    "COALESCE(i.pixel_threshold, r.pixel_threshold), i.cause, i.error, i.part_id, "
    f"COALESCE(i.recipe, r.recipe), i.name, i.defects, i.worst_length, r.unit, r.folder, r.kind, "
    f"{_FEEDBACK}, i.at"
)
_GROUPS: Final = {
    "hour": "i.time_ms / 3600000 * 3600000",
    "day": "i.time_ms / 86400000 * 86400000",
    "source": "r.source",
    "recipe": "COALESCE(i.recipe, r.recipe)",
    "verdict": "'all'",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFilter:
    """Which inspections; None or an empty tuple: all.

    from_utc, to_utc: wall time with a zone in ISO 8601; to_utc is excluded. kind: "production" or
    "check". feedback: "fine", "missed", or "any".
    """

    from_utc: str | None = None
    to_utc: str | None = None
    sources: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    part_id: str | None = None
    run_id: str | None = None
    kind: str | None = None
    feedback: str | None = None


@dataclass(frozen=True, slots=True)
class InspectionRow:
    """One inspection. number: its place in the order of the store. worst_length: the longest
    defect, in size_unit (mm, or px without a calibration). folder: of the run. at: first byte of
    its line in the log. snapshot, original: paths of its pictures below the folder; None if there
    is none now. feedback: the answer that counts; None if there is none."""

    number: int
    run_id: str
    source: str
    frame_id: int
    wall_time_utc: str
    verdict: str
    score: float | None
    image_threshold: float | None
    pixel_threshold: float | None
    cause: str | None
    error: str | None
    part_id: str | None
    recipe_id: str | None
    name: str | None
    defects: int
    worst_length: float | None
    size_unit: str
    folder: Path
    kind: str
    feedback: str | None
    at: int
    snapshot: Path | None
    original: Path | None

    @property
    def worst_length_mm(self) -> float | None:
        return self.worst_length if self.size_unit == "mm" else None


@dataclass(frozen=True, slots=True)
class VerdictCount:
    """group: start of the hour or day in UTC, or name of the source or recipe (None: no recipe)."""

    group: str | None
    passed: int
    failed: int
    errored: int


@dataclass(frozen=True, slots=True)
class ScoredFrame:
    """A verdict and what it depends on. rule: verdict.rule of the run."""

    run_id: str
    frame_id: int
    score: float | None
    image_threshold: float | None
    pixel_threshold: float | None
    verdict: str
    cause: str | None
    rule: str | None


def find_inspections(
    store: Store, filter: HistoryFilter, *, before: int | None = None, limit: int = 50
) -> list[InspectionRow]:
    """The newest first. before: only rows with a smaller number, for the next page. Raises
    ConfigError for a filter that cannot be used."""
    where, values = _conditions(filter)
    if before is not None:
        where.append("i.number < ?")
        values.append(before)
    with store.read() as db:
        _add_bounds(db, filter, where, values)
        rows = db.execute(
            f"SELECT {_COLUMNS} FROM inspections i CROSS JOIN runs r ON r.id = i.run "
            f"WHERE {' AND '.join(where)} ORDER BY i.number DESC LIMIT ?",
            (*values, limit),
        ).fetchall()
    return [_row(store, row) for row in rows]


def find_inspection(store: Store, run_id: str, source: str, frame_id: int) -> InspectionRow | None:
    with store.read() as db:
        row = db.execute(
            f"SELECT {_COLUMNS} FROM runs r JOIN inspections i ON i.run = r.id "
            "WHERE r.run_id = ? AND r.source = ? AND i.frame_id = ?",
            (run_id, source, frame_id),
        ).fetchone()
    return None if row is None else _row(store, row)


def find_defects(store: Store, run_id: str, source: str, frame_id: int) -> list[dict[str, Any]]:
    """The defects of a frame. Sizes are in `unit`, mm or px, with standard uncertainties u. The
    outlines are in the log (read_measured)."""
    names = (
        *("defect_id", "severity", "length", "length_u", "width", "width_u", "area", "area_u"),
        *("peak_score", "track_id", "kind", "unit"),
    )
    columns = ", ".join(f"d.{name}" for name in names[:-1])
    with store.read() as db:
        rows = db.execute(
            f"SELECT {columns}, r.unit FROM runs r JOIN inspections i ON i.run = r.id "
            "JOIN defects d ON d.number = i.number "
            "WHERE r.run_id = ? AND r.source = ? AND i.frame_id = ? ORDER BY d.defect_id",
            (run_id, source, frame_id),
        ).fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows]


def count_verdicts(store: Store, filter: HistoryFilter, *, by: str) -> list[VerdictCount]:
    """Counts in order of the groups. by: hour, day, source, recipe, or verdict (one group, "all").
    Raises ConfigError for a filter that cannot be used."""
    where, values = _conditions(filter)
    with store.read() as db:
        _add_bounds(db, filter, where, values)
        rows = db.execute(
            f"SELECT {_GROUPS[by]} AS g, SUM(i.verdict = 0), SUM(i.verdict = 1), "
            "SUM(i.verdict = 2) FROM inspections i CROSS JOIN runs r ON r.id = i.run "
            f"WHERE {' AND '.join(where)} GROUP BY g ORDER BY g",
            values,
        ).fetchall()
    is_time = by in ("hour", "day")
    return [VerdictCount(utc_text(row[0]) if is_time else row[0], *row[1:]) for row in rows]


def last_scores(store: Store, source: str, *, count: int = 1000) -> list[ScoredFrame]:
    """The last frames of a source in production, the newest first."""
    with store.read() as db:
        rows = db.execute(
            "SELECT r.run_id, i.frame_id, i.score, "
            "COALESCE(i.image_threshold, r.image_threshold), "
            f"COALESCE(i.pixel_threshold, r.pixel_threshold), {_VERDICT}, i.cause, r.rule "
            "FROM inspections i CROSS JOIN runs r ON r.id = i.run "
            "WHERE r.source = ? AND r.kind = 'production' ORDER BY i.number DESC LIMIT ?",
            (source, count),
        ).fetchall()
    return [ScoredFrame(*row) for row in rows]


def _conditions(filter: HistoryFilter) -> tuple[list[str], list[Any]]:
    where, values = ["1"], list[Any]()
    for column, allowed in (
        ("r.source", filter.sources),
        ("COALESCE(i.recipe, r.recipe)", filter.recipes),
        ("i.verdict", tuple(map(_verdict_number, filter.verdicts))),
    ):
        if allowed:
            where.append(f"{column} IN ({', '.join('?' * len(allowed))})")
            values += allowed
    for column, value in (
        ("i.part_id", filter.part_id),
        ("r.run_id", filter.run_id),
        ("r.kind", filter.kind),
    ):
        if value is not None:
            where.append(f"{column} = ?")
            values.append(value)
    if filter.verdicts and "PASS" not in filter.verdicts:
        where.append("i.verdict != 0")  # as in the partial index
    if filter.feedback is not None:
        where.append("(i.run, i.frame_id) IN (SELECT run, frame_id FROM feedback)")
        answers = ("fine", "missed") if filter.feedback == "any" else (filter.feedback,)
        where.append(f"{_FEEDBACK} IN ({', '.join('?' * len(answers))})")
        values += answers
    return where, values


def _verdict_number(verdict: str) -> int:
    if verdict not in VERDICTS:
        raise ConfigError(f"a verdict is {', '.join(VERDICTS)}, not {verdict!r}")
    return VERDICTS.index(verdict)


def _add_bounds(
    db: sqlite3.Connection, filter: HistoryFilter, where: list[str], values: list[Any]
) -> None:
    """Adds the times and the run, and the range of numbers of the runs that have them. So a query
    of an old day does not read all later rows, and the wall clock may have jumped."""
    runs, run_values = ["1"], list[Any]()
    for name, text, of_run, of_frame in (
        ("from_utc", filter.from_utc, "last_ms >= ?", "i.time_ms >= ?"),
        ("to_utc", filter.to_utc, "first_ms < ?", "i.time_ms < ?"),
    ):
        if text is not None:
            try:
                ms = utc_ms(text)
            except ValueError as exc:
                raise ConfigError(f"{name}: {exc}") from exc
            runs.append(of_run)
            run_values.append(ms)
            where.append(of_frame)
            values.append(ms)
    if filter.run_id is not None:
        runs.append("run_id = ?")
        run_values.append(filter.run_id)
    if run_values:
        bounds = db.execute(
            f"SELECT MIN(first_number), MAX(last_number) FROM runs WHERE {' AND '.join(runs)}",
            run_values,
        ).fetchone()
        where.append("i.number BETWEEN ? AND ?")
        values += bounds


def _row(store: Store, row: Sequence[Any]) -> InspectionRow:
    number, run_id, source, frame_id, ms, verdict, *figures, folder, kind, feedback, at = row
    place = store.locate(folder)
    snapshot = Path(SNAPSHOTS, snapshot_name(frame_id, verdict))
    originals = [Path(ORIGINALS, original_name(frame_id, suffix)) for suffix in ("png", "bmp")]
    values = (
        *(number, run_id, source, frame_id, utc_text(ms), verdict, *figures),
        *(place, kind, feedback, at),
        snapshot if (place / snapshot).exists() else None,
        next((path for path in originals if (place / path).exists()), None),
    )
    return InspectionRow(*values)


def read_measured(row: InspectionRow) -> Record | None:
    """The line of an inspection in its log, with the outlines of the defects; None if the log was
    removed or replaced."""
    try:
        with (row.folder / LOG).open("rb") as file:
            file.seek(row.at)
            record = parse_record(file.readline(), "the line")
    except (OSError, ValueError):
        return None
    expected = (row.run_id, row.source, row.frame_id)
    ids = tuple(record.get(name) for name in ("run_id", "source", "frame_id"))
    return record if ids == expected else None
