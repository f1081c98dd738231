"""Records who changed what, and why. No entry can be changed or removed."""

import json
from dataclasses import dataclass
from typing import Any

from inspector.core.clock import utc_text, wall_ms
from inspector.store.database import Store


@dataclass(frozen=True, slots=True)
class Change:
    """what: the dotted path of the setting, or a word such as "recipe". old, new: plain values;
    None if there is none."""

    number: int
    wall_time_utc: str
    who: str
    what: str
    old: Any
    new: Any
    why: str | None


def add_change(
    store: Store, *, who: str, what: str, old: Any = None, new: Any = None, why: str | None = None
) -> int:
    """Returns the number of the entry. Raises SinkError, and TypeError or ValueError for a value
    that JSON cannot hold."""
    values = [json.dumps(value, allow_nan=False) for value in (old, new)]
    with store.transaction() as db:
        number = db.execute(
            "INSERT INTO audit (time_ms, who, what, old, new, why) VALUES (?, ?, ?, ?, ?, ?)",
            (wall_ms(), who, what, *values, why),
        ).lastrowid
    assert number is not None
    return number


def find_changes(store: Store, *, before: int | None = None, limit: int = 100) -> list[Change]:
    """The newest entries first. before: only entries with a smaller number."""
    with store.read() as db:
        rows = db.execute(
            "SELECT number, time_ms, who, what, old, new, why FROM audit "
            "WHERE ?1 IS NULL OR number < ?1 ORDER BY number DESC LIMIT ?2",
            (before, limit),
        ).fetchall()
    return [
        Change(number, utc_text(ms), who, what, json.loads(old), json.loads(new), why)
        for number, ms, who, what, old, new, why in rows
    ]
