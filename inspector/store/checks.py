"""Results of routine checks, and the challenge parts that came on the line."""

from dataclasses import dataclass

from inspector.core.clock import utc_text, wall_ms
from inspector.store.database import Store
from inspector.store.log_rows import VERDICTS


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Result of a routine check. No result is changed or removed.

    text: what was seen, as a sentence. who: the person who asked for it; None: its schedule.
    slot_ms: wall time of the schedule that it fulfils; None: it fulfils none. run_id: of its run;
    None without one. part_number: number of the last part that was counted. content: hash of the
    pictures of a folder.
    """

    number: int
    wall_time_utc: str
    name: str
    kind: str
    passed: bool
    text: str
    who: str | None
    slot_ms: int | None
    run_id: str | None
    part_number: int | None
    content: str | None


@dataclass(frozen=True, slots=True)
class ChallengePart:
    """number: its place in the order of the store."""

    number: int
    part_id: str
    verdict: str


def add_check_result(
    store: Store,
    *,
    name: str,
    kind: str,
    passed: bool,
    text: str,
    who: str | None = None,
    slot_ms: int | None = None,
    run_id: str | None = None,
    part_number: int | None = None,
    content: str | None = None,
) -> int:
    """Returns the number of the result. Raises SinkError."""
    values = (wall_ms(), name, kind, passed, text, who, slot_ms, run_id, part_number, content)
    with store.transaction() as db:
        number = db.execute(
            "INSERT INTO checks (time_ms, name, kind, passed, text, who, slot_ms, run_id, "
            "part_number, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        ).lastrowid
    assert number is not None
    return number


def find_check_results(
    store: Store,
    *,
    name: str | None = None,
    scheduled_only: bool = False,
    before: int | None = None,
    limit: int = 50,
) -> list[CheckResult]:
    """The newest first. scheduled_only: those with a slot_ms. before: only results with a smaller
    number."""
    with store.read() as db:
        rows = db.execute(
            "SELECT number, time_ms, name, kind, passed, text, who, slot_ms, run_id, part_number, "
            "content FROM checks WHERE (?1 IS NULL OR name = ?1) AND (?2 IS NULL OR number < ?2) "
            f"AND {'slot_ms IS NOT NULL' if scheduled_only else '1'} "
            "ORDER BY number DESC LIMIT ?3",
            (name, before, limit),
        ).fetchall()
    return [
        CheckResult(number, utc_text(ms), of, kind, bool(passed), *rest)
        for number, ms, of, kind, passed, *rest in rows
    ]


def find_last_result(
    store: Store, name: str, *, scheduled_only: bool = False
) -> CheckResult | None:
    """None if there is none."""
    results = find_check_results(store, name=name, scheduled_only=scheduled_only, limit=1)
    return results[0] if results else None


def find_challenge_parts(store: Store, name: str, *, after: int) -> list[ChallengePart]:
    """The parts of a check with a number above `after`, in order."""
    with store.read() as db:
        rows = db.execute(
            "SELECT number, part_id, verdict FROM parts "
            "WHERE check_name = ? AND number > ? ORDER BY number",
            (name, after),
        ).fetchall()
    return [ChallengePart(number, part_id, VERDICTS[verdict]) for number, part_id, verdict in rows]


def last_part_number(store: Store) -> int:
    """Number of the last part that any run has seen; 0 if there is none."""
    with store.read() as db:
        row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'parts'").fetchone()
    return 0 if row is None else int(row[0])


def find_unit_verdicts(store: Store, run_id: str, *, parts: bool, limit: int) -> list[str] | None:
    """The first verdicts of a run over all of its sources, in the order of the store; None while
    its logs are not read to their end. parts: verdicts on parts; otherwise on frames."""
    table = "parts" if parts else "inspections"
    with store.read() as db:
        states = db.execute("SELECT state FROM runs WHERE run_id = ?", (run_id,)).fetchall()
        if not states or ("open",) in states:
            return None
        rows = db.execute(
            f"SELECT t.verdict FROM {table} t JOIN runs r ON r.id = t.run WHERE r.run_id = ? "
            "ORDER BY t.number LIMIT ?",
            (run_id, limit),
        ).fetchall()
    return [VERDICTS[verdict] for (verdict,) in rows]
