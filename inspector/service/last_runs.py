"""Finds what the last run of each source ran with, and who asked for changes since then."""

from collections.abc import Iterable, Mapping
from typing import Final

from loguru import logger

from inspector.core.clock import utc_ms
from inspector.core.types import RunInfo
from inspector.outputs.folder import LOG
from inspector.outputs.json_log import iterate_records
from inspector.outputs.record_reading import read_run
from inspector.store.database import Store

KINDS: Final = ("recipe", "thresholds", "reload", "accept_engine", "undo_engine")
"""Kinds of requests that change a line."""

UNKNOWN: Final = "unknown: changed while the line did not run"


def find_last_runs(store: Store, sources: Iterable[str]) -> dict[str, RunInfo]:
    """Name of a source -> its last run in production that inspected a frame. A source without one,
    or whose log was removed, is left out. Raises SinkError."""
    runs = {}
    for source in sources:
        with store.read() as db:
            row = db.execute(
                "SELECT folder FROM runs WHERE source = ? AND kind = 'production' "
                "AND first_number IS NOT NULL ORDER BY id DESC LIMIT 1",
                (source,),
            ).fetchone()
        if row is None:
            continue
        folder = store.locate(row[0])
        try:
            runs[source] = read_run(next(iterate_records(folder / LOG)))
        except (OSError, ValueError, KeyError) as exc:
            logger.warning("{}: the changes since this run are not recorded: {}", folder, exc)
    return runs


def find_askers(store: Store, runs: Mapping[str, RunInfo]) -> tuple[str, str | None]:
    """Who asked for changes since the runs began, and why. Raises SinkError."""
    if not runs:
        return UNKNOWN, None
    since_ms = min(utc_ms(run.started_utc) for run in runs.values())
    marks = ", ".join("?" * len(KINDS))
    with store.read() as db:
        rows = db.execute(
            f"SELECT who, why FROM requests WHERE kind IN ({marks}) AND state = 'done' "
            "AND time_ms > ? ORDER BY number",
            (*KINDS, since_ms),
        ).fetchall()
    if not rows:
        return UNKNOWN, None
    people = ", ".join(dict.fromkeys(who for who, _ in rows))
    reasons = "; ".join(dict.fromkeys(why for _, why in rows if why))
    return people, reasons or None
