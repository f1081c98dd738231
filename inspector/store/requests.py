"""Requests to a running line: the line takes them from the store and answers them there."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from inspector.core.clock import now_ns, utc_text, wall_ms
from inspector.core.errors import ConfigError
from inspector.store.database import Store

EXPIRY_S: Final = 60.0
"""Age at which a request is not done any more when a line starts."""
_POLL_S: Final = 0.05
_NEWEST: Final = 5000
"""Requests that stay in the store, with their answers."""
_NEWEST_STATUS: Final = 100
"""The same for those that only ask for the state; a health check sends them for years."""


@dataclass(frozen=True, slots=True)
class Request:
    """kind: such as "recipe". arguments: plain values."""

    number: int
    wall_time_utc: str
    kind: str
    arguments: dict[str, Any]
    who: str
    why: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """done: whether the line did it. state: done, refused, expired (no line did it), or taken (the
    line is still doing it). text: a sentence."""

    done: bool
    state: str
    text: str


def add_request(
    store: Store, kind: str, arguments: Mapping[str, Any], *, who: str, why: str | None = None
) -> int:
    """Returns the number of the request. Raises SinkError."""
    with store.transaction() as db:
        number = db.execute(
            "INSERT INTO requests (time_ms, kind, arguments, who, why) VALUES (?, ?, ?, ?, ?)",
            (wall_ms(), kind, json.dumps(dict(arguments), allow_nan=False), who, why),
        ).lastrowid
    assert number is not None
    return number


def take_requests(store: Store) -> list[Request]:
    """The waiting requests, the oldest first. Each is returned once. Raises SinkError."""
    columns = "number, time_ms, kind, arguments, who, why"
    with store.read() as db:  # it is called often, and there is usually none
        if db.execute("SELECT 1 FROM requests WHERE state = 'waiting' LIMIT 1").fetchone() is None:
            return []
    with store.transaction() as db:
        rows = db.execute(
            f"UPDATE requests SET state = 'taken' WHERE state = 'waiting' RETURNING {columns}"
        ).fetchall()
    return [
        Request(number, utc_text(ms), kind, json.loads(arguments), who, why)
        for number, ms, kind, arguments, who, why in sorted(rows)
    ]


def answer_request(store: Store, number: int, *, done: bool, text: str) -> None:
    """text: a sentence. Deletes old requests that are answered. Raises SinkError."""
    with store.transaction() as db:
        db.execute(
            "UPDATE requests SET state = ?, text = ? WHERE number = ?",
            ("done" if done else "refused", text, number),
        )
        db.execute(
            "DELETE FROM requests WHERE state NOT IN ('waiting', 'taken') "
            "AND number <= ? - CASE kind WHEN 'status' THEN ? ELSE ? END",
            (number, _NEWEST_STATUS, _NEWEST),
        )


def expire_requests(store: Store, *, older_than_s: float = EXPIRY_S) -> int:
    """Answers the requests that no line has done; a line calls it when it starts. Returns their
    number.

    A request that an earlier process has taken is answered, too. After a jump of the wall clock a
    request counts as old. Raises SinkError.
    """
    with store.transaction() as db:
        return db.execute(
            "UPDATE requests SET text = CASE state WHEN 'taken' THEN "
            "'the program ended before the request was done' ELSE "
            "'no line was running that could do the request' END, state = 'expired' "
            "WHERE state = 'taken' OR (state = 'waiting' AND abs(? - time_ms) > ?)",
            (wall_ms(), 1000 * older_than_s),
        ).rowcount


def find_answer(store: Store, number: int) -> Answer | None:
    """The answer to a request; None while it waits or is being done. Raises ConfigError if there is
    no such request."""
    with store.read() as db:
        row = db.execute("SELECT state, text FROM requests WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise ConfigError(f"there is no request {number}")
    state, text = row
    return None if state in ("waiting", "taken") else Answer(state == "done", state, text)


def wait_for_answer(store: Store, number: int, timeout_s: float) -> Answer:
    """Waits for the answer to a request. A request that no line has taken by then expires, so that
    it is not done later. Raises ConfigError if there is no such request, and SinkError."""
    end = now_ns() + int(timeout_s * 1e9)
    while (answer := find_answer(store, number)) is None and now_ns() < end:
        time.sleep(_POLL_S)
    if answer is not None:
        return answer
    text = f"no line took the request within {timeout_s:g} s: is one running?"
    with store.transaction() as db:
        expired = db.execute(
            "UPDATE requests SET state = 'expired', text = ? "
            "WHERE number = ? AND state = 'waiting'",
            (text, number),
        ).rowcount
    if expired:
        return Answer(False, "expired", text)
    return find_answer(store, number) or Answer(
        False, "taken", f"the line has not answered within {timeout_s:g} s: it is still at work"
    )
