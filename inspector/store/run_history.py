"""Lists the runs of the store."""

from dataclasses import dataclass

from inspector.core.clock import utc_text
from inspector.store.database import Store


@dataclass(frozen=True, slots=True)
class RunRow:
    """One source of one run. status, captured, dropped, missing: None before its end."""

    number: int
    run_id: str
    source: str
    kind: str
    started_utc: str
    recipe_id: str | None
    rule: str | None
    image_threshold: float | None
    engine_hash: str | None
    status: str | None
    captured: int | None
    dropped: int | None
    missing: int | None


def find_runs(store: Store, *, before: int | None = None, limit: int = 50) -> list[RunRow]:
    """The newest first. before: only rows with a smaller number. Raises SinkError."""
    with store.read() as db:
        rows = db.execute(
            "SELECT id, run_id, source, kind, started_ms, recipe, rule, image_threshold, "
            "engine_hash, status, captured, dropped, missing FROM runs "
            "WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2",
            (before, limit),
        ).fetchall()
    return [
        RunRow(number, run_id, source, kind, utc_text(started_ms), *rest)
        for number, run_id, source, kind, started_ms, *rest in rows
    ]
