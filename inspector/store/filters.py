"""Selects inspections by time, source, recipe, verdict, part, run, kind and feedback."""

import sqlite3
from dataclasses import dataclass
from typing import Any, Final

from inspector.core.clock import utc_ms
from inspector.core.errors import ConfigError
from inspector.store.feedback import FINE, MISSED
from inspector.store.log_rows import CHECK, VERDICTS
from inspector.store.schema import HOUR_MS

FEEDBACK: Final = (
    "(SELECT f.answer FROM feedback f WHERE f.run = i.run AND f.frame_id = i.frame_id "
    "ORDER BY f.number DESC LIMIT 1)"
)
"""The answer that counts for a frame."""
ANY: Final = "any"
"""Value of HistoryFilter.feedback: FINE or MISSED."""


_TRACED: Final = (
    "SELECT number FROM inspections WHERE trace IN (SELECT id FROM traces WHERE {column} = ?) "
    "UNION SELECT x.number FROM traces t CROSS JOIN parts p ON p.trace = t.id "
    "CROSS JOIN runs pr ON pr.id = p.run CROSS JOIN runs xr ON xr.run_id = pr.run_id "
    "CROSS JOIN inspections x ON x.part_id = p.part_id AND x.run = xr.id WHERE t.{column} = ?"
)
"""Frames whose line has the field, and all frames of parts that have it: it may be known only at
the end of a part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFilter:
    """Which inspections; None or an empty tuple: all.

    from_utc, to_utc: wall time with a zone in ISO 8601; to_utc is excluded. kind: "production" or
    "check"; frames of challenge parts are "check". serial, lot: also of a frame whose line lacks
    it, if its part has it. feedback: FINE, MISSED or ANY. engine_hashes: sha256 of engine files.
    """

    from_utc: str | None = None
    to_utc: str | None = None
    sources: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    part_id: str | None = None
    serial: str | None = None
    lot: str | None = None
    run_id: str | None = None
    kind: str | None = None
    feedback: str | None = None
    engine_hashes: tuple[str, ...] = ()


def conditions(
    db: sqlite3.Connection, filter: HistoryFilter, *, time: str = "i.time_ms"
) -> tuple[list[str], list[Any]]:
    """Conditions for rows i of `inspections` with their run r, and the values of their marks.

    The runs to which the filter applies have a range of numbers. Only this range is read, so a
    query of an old day does not read all later rows, and the wall clock may have jumped. time:
    column of the wall time; another one is of a table without the columns of i. Raises ConfigError.
    """
    runs, values = ["1"], list[Any]()
    rows, row_values = list[str](), list[Any]()
    for column, allowed in (
        ("source", filter.sources),
        ("recipe", filter.recipes),
        ("engine_hash", filter.engine_hashes),
    ):
        if allowed:
            runs.append(f"r.{column} IN ({_marks(allowed)})")
            values += allowed
    if filter.run_id is not None:
        runs.append("r.run_id = ?")
        values.append(filter.run_id)
    if filter.kind is not None:
        of_check = "i.check_name IS NOT NULL" if time == "i.time_ms" else "c.is_check"
        rows.append(of_check if filter.kind == CHECK else f"NOT ({of_check})")
    for name, text, of_run, of_row in (
        ("from_utc", filter.from_utc, "r.last_ms >= ?", f"{time} >= ?"),
        ("to_utc", filter.to_utc, "r.first_ms < ?", f"{time} < ?"),
    ):
        if text is not None:
            ms = _read_time(name, text)
            rows.append(of_row)
            row_values.append(ms)
            if time == "i.time_ms":
                runs.append(of_run)
                values.append(ms)
    if time == "i.time_ms" and values:
        bounds = db.execute(
            f"SELECT MIN(first_number), MAX(last_number) FROM runs r WHERE {' AND '.join(runs)}",
            values,
        ).fetchone()
        rows.append("i.number BETWEEN ? AND ?")
        row_values += bounds
    if filter.verdicts:
        numbers = tuple(map(_verdict_number, filter.verdicts))
        rows.append(f"i.verdict IN ({_marks(numbers)})")
        row_values += numbers
        if "PASS" not in filter.verdicts:
            rows.append("i.verdict != 0")  # the condition of the partial index
    if filter.part_id is not None:
        rows.append("i.part_id = ?")
        row_values.append(filter.part_id)
    for column, value in (("serial", filter.serial), ("lot", filter.lot)):
        if value is not None:
            rows.append(f"i.number IN ({_TRACED.format(column=column)})")
            row_values += (value, value)
    if filter.feedback is not None:
        answers = (FINE, MISSED) if filter.feedback == ANY else (filter.feedback,)
        rows.append("(i.run, i.frame_id) IN (SELECT run, frame_id FROM feedback)")
        rows.append(f"{FEEDBACK} IN ({_marks(answers)})")
        row_values += answers
    return runs + rows, values + row_values


def has_whole_hours(filter: HistoryFilter) -> bool:
    """Whether the counts of hours answer the filter. Raises ConfigError."""
    times = (("from_utc", filter.from_utc), ("to_utc", filter.to_utc))
    whole = all(text is None or _read_time(name, text) % HOUR_MS == 0 for name, text in times)
    others = (filter.part_id, filter.serial, filter.lot, filter.feedback)
    return whole and all(value is None for value in others)


def _read_time(name: str, text: str) -> int:
    try:
        return utc_ms(text)
    except ValueError as exc:
        raise ConfigError(f"{name}: {exc}") from exc


def _verdict_number(verdict: str) -> int:
    if verdict not in VERDICTS:
        raise ConfigError(f"a verdict is {', '.join(VERDICTS)}, not {verdict!r}")
    return VERDICTS.index(verdict)


def _marks(values: tuple[Any, ...]) -> str:
    return ", ".join("?" * len(values))
