"""Answers of people to verdicts: "this was fine" and "this was missed"."""

from dataclasses import dataclass
from typing import Final

from inspector.core.clock import utc_text, wall_ms
from inspector.core.errors import ConfigError
from inspector.store.database import Store

FINE: Final = "fine"
"""The product on the picture is good."""
MISSED: Final = "missed"
"""The product on the picture has a defect, which the verdict missed."""
WITHDRAWN: Final = "withdrawn"
"""The answers before were a mistake."""
ANSWERS: Final = (FINE, MISSED, WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Feedback:
    number: int
    wall_time_utc: str
    run_id: str
    source: str
    frame_id: int
    answer: str
    who: str
    note: str | None


def add_feedback(
    store: Store,
    *,
    run_id: str,
    source: str,
    frame_id: int,
    answer: str,
    who: str,
    note: str | None = None,
) -> int:
    """Returns the number of the answer. The last answer to a frame counts; the others stay.

    answer: FINE, MISSED or WITHDRAWN. Raises ConfigError for another answer, for an empty name, and
    for a frame that is not in the store; SinkError if the disk fails.
    """
    if answer not in ANSWERS:
        raise ConfigError(f"an answer is {', '.join(ANSWERS)}, not {answer!r}")
    if not who.strip():
        raise ConfigError("feedback needs the name of the person who gives it")
    with store.transaction() as db:
        run = db.execute(
            "SELECT r.id FROM runs r JOIN inspections i ON i.run = r.id "
            "WHERE r.run_id = ? AND r.source = ? AND i.frame_id = ?",
            (run_id, source, frame_id),
        ).fetchone()
        if run is None:
            raise ConfigError(f"the store has no frame {frame_id} of {source} in the run {run_id}")
        number = db.execute(
            "INSERT INTO feedback (run, frame_id, time_ms, answer, who, note) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (run[0], frame_id, wall_ms(), answer, who.strip(), note),
        ).lastrowid
    assert number is not None
    return number


def find_feedback(
    store: Store,
    *,
    answer: str | None = None,
    before: int | None = None,
    limit: int | None = None,
    latest_only: bool = True,
) -> list[Feedback]:
    """The newest answers first. answer: only these. before: only those with a smaller number.
    limit: None for all. latest_only: only the answer that counts for each frame, and no withdrawn
    ones."""
    latest = (
        "f.answer != 'withdrawn' AND f.number = (SELECT MAX(number) FROM feedback "
        "WHERE run = f.run AND frame_id = f.frame_id)"
    )
    with store.read() as db:
        rows = db.execute(
            "SELECT f.number, f.time_ms, r.run_id, r.source, f.frame_id, f.answer, f.who, f.note "
            "FROM feedback f JOIN runs r ON r.id = f.run "
            "WHERE (?1 IS NULL OR f.answer = ?1) AND (?2 IS NULL OR f.number < ?2) "
            f"AND {latest if latest_only else '1'} ORDER BY f.number DESC LIMIT ?3",
            (answer, before, -1 if limit is None else limit),
        ).fetchall()
    return [Feedback(number, utc_text(ms), *rest) for number, ms, *rest in rows]


def find_frame_feedback(store: Store, run_id: str, source: str, frame_id: int) -> list[Feedback]:
    """All answers to one frame, the newest first. Raises SinkError."""
    with store.read() as db:
        rows = db.execute(
            "SELECT f.number, f.time_ms, r.run_id, r.source, f.frame_id, f.answer, f.who, f.note "
            "FROM runs r JOIN feedback f ON f.run = r.id "
            "WHERE r.run_id = ? AND r.source = ? AND f.frame_id = ? ORDER BY f.number DESC",
            (run_id, source, frame_id),
        ).fetchall()
    return [Feedback(number, utc_text(ms), *rest) for number, ms, *rest in rows]


def find_answered(store: Store) -> dict[tuple[str, str], set[int]]:
    """(run_id, source) -> numbers of the frames that have an answer which is not withdrawn. Raises
    SinkError."""
    frames: dict[tuple[str, str], set[int]] = {}
    for entry in find_feedback(store):
        frames.setdefault((entry.run_id, entry.source), set()).add(entry.frame_id)
    return frames
