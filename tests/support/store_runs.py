"""Writes runs for the tests of the store, with the writer of the log, and reads them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from output_parts import FlatPicture, inspection, run_info

from inspector.core.clock import utc_text
from inspector.core.events import Event
from inspector.core.types import Defect, Inspection, RunInfo, Verdict
from inspector.outputs.folder import LOG, write_summary
from inspector.outputs.json_log import JsonLogSink
from inspector.store.database import Store
from inspector.store.follower import Follower

START_MS = 1_769_860_800_000
"""2026-01-31T12:00:00Z"""


class LogOfRun:
    """Writes the log of one source of a run, line by line. more: fields of RunInfo."""

    def __init__(
        self,
        folder: Path,
        *,
        run_id: str = "r1",
        source: str = "main",
        **more: Any,
    ) -> None:
        config = {"verdict": {"rule": "score"}, "output": {}}
        facts: dict[str, Any] = {"calibration_hash": "c1", "config": config} | more
        self.folder = folder
        self.run: RunInfo = replace(run_info(), run_id=run_id, source_name=source, **facts)
        self.seq = 1
        self._sink = JsonLogSink(folder / LOG)
        self._sink.open(self.run)

    def add(self, *items: Inspection | Event) -> "LogOfRun":
        for item in items:
            if isinstance(item, Inspection):
                self._sink.write(replace(item, seq=self.seq), FlatPicture())
                self.seq += 2
            else:
                self._sink.write_event(replace(item, seq=self.seq))
                self.seq += 1
        return self

    def finish(self, files: Mapping[str, Any] | None = None, **more: Any) -> Path:
        self._sink.close()
        counts = {"captured": self.seq // 2, "dropped": 0, "missing": 0}
        values = {"status": "finished", "ended_utc": self.run.started_utc} | counts | more
        write_summary(self.folder, values | {"evidence": {"files": files or {}}})
        return self.folder


def frame(
    frame_id: int,
    verdict: Verdict = Verdict.PASS,
    *,
    ms: int | None = None,
    defects: tuple[Defect, ...] = (),
    part_id: str | None = None,
    **more: Any,
) -> Inspection:
    """ms: wall time; None for 100 ms per frame from START_MS on."""
    item = inspection(frame_id, verdict=verdict, defects=defects, **more)
    time_utc = utc_text(START_MS + 100 * frame_id if ms is None else ms)
    return replace(item, frame=replace(item.frame, wall_time_utc=time_utc), part_id=part_id)


def frames(count: int, first: int = 0) -> list[Inspection]:
    return [frame(number) for number in range(first, first + count)]


@contextmanager
def open_store(path: Path) -> Iterator[Store]:
    store = Store(path)
    try:
        yield store
    finally:
        store.close()


def follow(store: Store, *folders: Path) -> Follower:
    """Reads the folders to their end. Without folders it catches up."""
    follower = Follower(store)
    for folder in folders:
        follower.watch(folder)
    if not folders:
        follower.catch_up()
    follower.stop()
    return follower


def rows(store: Store, query: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
    with store.read() as db:
        return db.execute(query, tuple(values)).fetchall()
