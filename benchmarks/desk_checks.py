"""Checks the results of a line after its end: logs, summaries, store and audit trail."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from benchmarks.desk_line import find_logs
from inspector.evidence.report import CHANGED, UNPROVEN, WHOLE
from inspector.evidence.verification import Verifier
from inspector.outputs.folder import SUMMARY
from inspector.outputs.json_log import iterate_records
from inspector.store.database import Store
from inspector.store.history import VERDICTS

RESULTS: Final = {"whole": WHOLE, "changed": CHANGED, "unproven": UNPROVEN}
EQUATION: Final = ("captured", "inspected", "dropped", "errored", "expected", "missing")


@dataclass(slots=True)
class RunOfSource:
    """One run of one source. frames: its `measured` records in order, without their defects.
    summary: None if the run has none."""

    folder: Path
    header: dict[str, Any]
    frames: list[dict[str, Any]]
    changes: int
    summary: dict[str, Any] | None

    @property
    def is_balanced(self) -> bool:
        """Whether the summary has the equation, and the log has all frames that it counts."""
        if self.summary is None:
            return False
        captured, inspected, dropped, errored, expected, missing = (
            self.summary[name] for name in EQUATION
        )
        return (
            captured == inspected + dropped + errored
            and expected == captured + missing
            and len(self.frames) == inspected + errored
        )


@dataclass(slots=True)
class Camera:
    """All runs of one source, in order."""

    name: str
    runs: list[RunOfSource] = field(default_factory=list)

    def total(self, name: str) -> int:
        return sum(run.summary[name] for run in self.runs if run.summary is not None)

    @property
    def frames(self) -> list[dict[str, Any]]:
        return [frame for run in self.runs for frame in run.frames]

    @property
    def doubled_ids(self) -> int:
        """Frame ids that a run has twice."""
        return sum(len(r.frames) - len({f["frame_id"] for f in r.frames}) for r in self.runs)

    @property
    def out_of_order(self) -> int:
        """Frames that were not captured after the frame before, over all runs."""
        times = [frame["captured_ns"] for frame in self.frames]
        return sum(after <= before for before, after in pairwise(times))

    @property
    def broken_links(self) -> int:
        """Runs whose header does not name the run before."""
        before: str | None = None
        broken = 0
        for run in self.runs:
            continues = run.header.get("continues")
            broken += (continues and continues["run_id"]) != before
            before = run.header["run_id"]
        return broken


def read_cameras(runs: Path) -> dict[str, Camera]:
    """Name of a source -> its runs."""
    cameras: dict[str, Camera] = {}
    for log in find_logs(runs):
        run = read_run(log)
        cameras.setdefault(run.header["source"], Camera(run.header["source"])).runs.append(run)
    for camera in cameras.values():
        camera.runs.sort(key=lambda run: run.header["started_utc"])
    return dict(sorted(cameras.items()))


def read_run(log: Path) -> RunOfSource:
    header, *records = iterate_records(log)
    frames = [record for record in records if record["type"] == "measured"]
    for frame in frames:
        frame["defects"] = len(frame["defects"])
    changes = sum(record["type"] == "config_changed" for record in records)
    path = log.parent / SUMMARY
    summary = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return RunOfSource(log.parent, header, frames, changes, summary)


def count_lost_and_doubled(
    frames: Sequence[dict[str, Any]], fps: float, count: int
) -> tuple[int, int]:
    """Compares the times of the inspected frames with those of a video of `count` frames."""
    numbers = [round(frame["pts_s"] * fps) for frame in frames]
    different = set(numbers)
    return count - len(different & set(range(count))), len(numbers) - len(different)


def compare_store(store: Store, cameras: dict[str, Camera]) -> tuple[int, int]:
    """Number of frames that only the logs have, or with another verdict, and of those that only
    the store has."""
    with store.read() as db:
        rows = db.execute(
            "SELECT r.run_id, r.source, i.frame_id, i.verdict FROM inspections i "
            "JOIN runs r ON r.id = i.run"
        ).fetchall()
    stored = [(*row[:3], VERDICTS[row[3]]) for row in rows]
    logged = {
        (frame["run_id"], frame["source"], frame["frame_id"], frame["verdict"])
        for camera in cameras.values()
        for frame in camera.frames
    }
    return len(logged - set(stored)), len(stored) - len(logged & set(stored))


def verify_runs(cameras: dict[str, Camera]) -> dict[str, int]:
    """Number of runs that are whole, changed, and not proven (such as after a removal that no key
    signs)."""
    folders = [run.folder for camera in cameras.values() for run in camera.runs]
    codes = Counter(r.exit_code for folder in folders for r in Verifier().verify(folder))
    return {name: codes[code] for name, code in RESULTS.items()}
