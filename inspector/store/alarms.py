"""Alarms: they stay open until a person acknowledges them by name."""

from dataclasses import dataclass
from typing import Final

from inspector.core.clock import utc_text, wall_ms
from inspector.core.errors import ConfigError
from inspector.store.database import Store

_MOST: Final = 2**63 - 1
"""Largest integer of SQLite."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """kind: a word, such as "disk". source: None if it concerns the whole line. count: how often it
    was raised until it was acknowledged; last_utc: the last time. locks_release: no product may be
    released while it is open. acknowledged_utc, who, note: None while it is open."""

    number: int
    raised_utc: str
    last_utc: str
    count: int
    kind: str
    source: str | None
    text: str
    locks_release: bool
    acknowledged_utc: str | None
    who: str | None
    note: str | None


def raise_alarm(
    store: Store, *, kind: str, text: str, source: str | None = None, locks_release: bool = False
) -> int:
    """Returns the number of the alarm. If an alarm of this kind and source is open, it is counted
    again and gets the new text. Raises SinkError."""
    now = wall_ms()
    with store.transaction() as db:
        row = db.execute(
            "SELECT number FROM alarms WHERE acknowledged_ms IS NULL AND kind = ? AND source IS ?",
            (kind, source),
        ).fetchone()
        if row is None:
            row = db.execute(
                "INSERT INTO alarms (time_ms, last_ms, kind, source, text, locks_release) "
                "VALUES (?, ?, ?, ?, ?, ?) RETURNING number",
                (now, now, kind, source, text, locks_release),
            ).fetchone()
        else:
            db.execute(
                "UPDATE alarms SET count = count + 1, last_ms = ?, text = ?, "
                "locks_release = max(locks_release, ?) WHERE number = ?",
                (now, text, locks_release, *row),
            )
    number: int = row[0]
    return number


def acknowledge_alarm(store: Store, number: int, *, who: str, note: str | None = None) -> None:
    """Raises ConfigError if `who` is empty, if there is no such alarm, or if it is acknowledged
    already; SinkError if the disk fails."""
    if not who.strip():
        raise ConfigError("an alarm is acknowledged by name: say who does it")
    if not 0 < number <= _MOST:
        raise ConfigError("the alarm cannot be acknowledged: there is no such alarm")
    with store.transaction() as db:
        changed = db.execute(
            "UPDATE alarms SET acknowledged_ms = ?, who = ?, note = ? "
            "WHERE number = ? AND acknowledged_ms IS NULL",
            (wall_ms(), who.strip(), note, number),
        ).rowcount
        if not changed:
            row = db.execute("SELECT who FROM alarms WHERE number = ?", (number,)).fetchone()
            reason = "there is no such alarm" if row is None else f"{row[0]} has done it already"
            raise ConfigError(f"alarm {number} cannot be acknowledged: {reason}")


def find_alarms(store: Store, *, open_only: bool = True, limit: int = 100) -> list[Alarm]:
    """The newest first."""
    with store.read() as db:
        rows = db.execute(
            "SELECT number, time_ms, last_ms, count, kind, source, text, locks_release, "
            "acknowledged_ms, who, note FROM alarms "
            f"{'WHERE acknowledged_ms IS NULL ' if open_only else ''}ORDER BY number DESC LIMIT ?",
            (limit,),
        ).fetchall()
    return [
        Alarm(
            number,
            utc_text(raised),
            utc_text(last),
            count,
            kind,
            source,
            text,
            bool(locks),
            None if acknowledged is None else utc_text(acknowledged),
            who,
            note,
        )
        for number, raised, last, count, kind, source, text, locks, acknowledged, who, note in rows
    ]


def is_release_locked(store: Store) -> bool:
    """Whether an alarm is open that locks the release of products."""
    with store.read() as db:
        row = db.execute(
            "SELECT 1 FROM alarms WHERE acknowledged_ms IS NULL AND locks_release LIMIT 1"
        ).fetchone()
    return row is not None
