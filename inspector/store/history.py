"""Queries the inspections of all runs."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from inspector.core.clock import utc_text
from inspector.outputs.folder import LOG, ORIGINALS, SNAPSHOTS, original_name, snapshot_name
from inspector.outputs.json_log import parse_record
from inspector.outputs.records import Record
from inspector.store.database import Store
from inspector.store.filters import FEEDBACK, HistoryFilter, conditions, has_whole_hours
from inspector.store.log_rows import VERDICTS
from inspector.store.schema import HOUR, HOUR_MS, VERDICT_SUMS

_KIND: Final = "CASE WHEN i.check_name IS NULL THEN 'production' ELSE 'check' END"

_VERDICT: Final = f"json_extract('{json.dumps(VERDICTS)}', '$[' || i.verdict || ']')"
_COLUMNS: Final = (
    f"i.number, r.run_id, r.source, i.frame_id, i.time_ms, {_VERDICT}, i.score, "
    "COALESCE(i.image_threshold, r.image_threshold), "
    "COALESCE(i.pixel_threshold, r.pixel_threshold), i.cause, i.error, i.part_id, "
    "NULLIF(t.serial, ''), NULLIF(t.lot, ''), NULLIF(t.shift, ''), NULLIF(t.operator, ''), "
    f"r.recipe, i.name, i.defects, i.worst_length, r.unit, r.folder, {_KIND}, "
    f"{FEEDBACK}, i.at"
)
_TRACE: Final = "LEFT JOIN traces t ON t.id = i.trace"
_LAST: Final = 2**63 - 1
_PAGE: Final = 1000
_GROUPS: Final = {
    "hour": HOUR,
    "day": HOUR.replace(str(HOUR_MS), str(24 * HOUR_MS)),
    "source": "r.source",
    "recipe": "r.recipe",
    "verdict": "'all'",
}


@dataclass(frozen=True, slots=True)
class InspectionRow:
    """One inspection. number: its place in the order of the store. worst_length: the longest
    defect, in size_unit (mm, or px without a calibration). folder: of the run. at: first byte of
    its line in the log. snapshot, original: paths of its pictures below the folder; None if there
    is none now. feedback: the answer that counts; None if there is none. serial, lot, shift,
    operator: of its line."""

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
    serial: str | None
    lot: str | None
    shift: str | None
    operator: str | None
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
    end = _LAST if before is None else before
    return _find(store, filter, "i.number < ? ORDER BY i.number DESC LIMIT ?", end, limit)


def iterate_inspections(store: Store, filter: HistoryFilter) -> Iterator[InspectionRow]:
    """All of them, the oldest first. Long selections need no memory. Raises ConfigError for a
    filter that cannot be used."""
    number = 0
    while page := _find(store, filter, "i.number > ? ORDER BY i.number LIMIT ?", number, _PAGE):
        yield from page
        number = page[-1].number


def _find(
    store: Store, filter: HistoryFilter, page: str, number: int, limit: int
) -> list[InspectionRow]:
    with store.read() as db:
        where, values = conditions(db, filter)
        rows = db.execute(
            f"SELECT {_COLUMNS} FROM inspections i CROSS JOIN runs r ON r.id = i.run {_TRACE} "
            f"WHERE {' AND '.join(where)} AND {page}",
            (*values, number, limit),
        ).fetchall()
    return [_row(store, row) for row in rows]


def find_inspection(store: Store, run_id: str, source: str, frame_id: int) -> InspectionRow | None:
    with store.read() as db:
        row = db.execute(
            f"SELECT {_COLUMNS} FROM runs r JOIN inspections i ON i.run = r.id {_TRACE} "
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


def find_hash(store: Store, row: InspectionRow, path: Path) -> str | None:
    """SHA-256 of a file of the run in hex, as its log states it; None if it states none."""
    with store.read() as db:
        found_row = db.execute(
            "SELECT lower(hex(f.sha256)) FROM runs r JOIN files f ON f.run = r.id "
            "WHERE r.run_id = ? AND r.source = ? AND f.path = ?",
            (row.run_id, row.source, path.as_posix()),
        ).fetchone()
    return None if found_row is None else found_row[0]


def count_verdicts(store: Store, filter: HistoryFilter, *, by: str) -> list[VerdictCount]:
    """Counts in order of the groups. by: hour, day, source, recipe, or verdict (one group, "all").

    With whole hours and without part_id and feedback it is fast, and inspections that were removed
    from the store are counted, too. Raises ConfigError for a filter that cannot be used.
    """
    with store.read() as db:
        if has_whole_hours(filter):
            where, values = conditions(db, replace(filter, verdicts=()), time="c.hour")
            table = "counts c CROSS JOIN runs r ON r.id = c.run"
            group = _GROUPS[by].replace("time_ms", "c.hour")
            sums = [
                f"SUM(c.{column})" if verdict in (filter.verdicts or VERDICTS) else "0"
                for verdict, column in zip(VERDICTS, ("passed", "failed", "errored"), strict=True)
            ]
        else:
            where, values = conditions(db, filter)
            table = "inspections i CROSS JOIN runs r ON r.id = i.run"
            group, sums = _GROUPS[by], [VERDICT_SUMS]
        rows = db.execute(
            f"SELECT {group} AS g, {', '.join(sums)} FROM {table} "
            f"WHERE {' AND '.join(where)} GROUP BY g ORDER BY g",
            values,
        ).fetchall()
    is_time = by in ("hour", "day")
    counts = [VerdictCount(utc_text(row[0]) if is_time else row[0], *row[1:]) for row in rows]
    return [count for count in counts if count.passed or count.failed or count.errored]


def last_scores(store: Store, source: str, *, count: int = 1000) -> list[ScoredFrame]:
    """The last frames of a source in production, the newest first. Only those of the engine of its
    newest run, because scores of two engines differ."""
    with store.read() as db:
        rows = db.execute(
            "SELECT r.run_id, i.frame_id, i.score, "
            "COALESCE(i.image_threshold, r.image_threshold), "
            f"COALESCE(i.pixel_threshold, r.pixel_threshold), {_VERDICT}, i.cause, r.rule "
            "FROM inspections i CROSS JOIN runs r ON r.id = i.run "
            "WHERE r.source = ?1 AND i.check_name IS NULL AND r.engine_hash IS ("
            "SELECT engine_hash FROM runs WHERE source = ?1 AND kind = 'production' "
            "ORDER BY id DESC LIMIT 1) ORDER BY i.number DESC LIMIT ?2",
            (source, count),
        ).fetchall()
    return [ScoredFrame(*row) for row in rows]


def _row(store: Store, row: Sequence[Any]) -> InspectionRow:
    number, run_id, source, frame_id, ms, verdict, *figures, folder, kind, feedback, at = row
    place = store.locate(folder)
    originals = (original_name(frame_id, suffix) for suffix in ("png", "bmp"))
    values = (
        *(number, run_id, source, frame_id, utc_text(ms), verdict, *figures),
        *(place, kind, feedback, at),
        _first_existing(place, SNAPSHOTS, (snapshot_name(frame_id, verdict),)),
        _first_existing(place, ORIGINALS, originals),
    )
    return InspectionRow(*values)


def _first_existing(place: Path, folder: str, names: Iterable[str]) -> Path | None:
    """Uses texts, because paths would take half of the time of a long export."""
    paths = (f"{folder}/{name}" for name in names)
    return next((Path(path) for path in paths if os.path.exists(f"{place}/{path}")), None)


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
