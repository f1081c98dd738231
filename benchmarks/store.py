"""Measures the store: cost and size per frame, times of queries, and what kill -9 leaves.

python -m benchmarks.store [--frames 20000] [--rows 1000000] [--kills 30] works in the current
folder, because /tmp may be in memory.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from inspector.core.clock import utc_text
from inspector.core.types import Verdict
from inspector.outputs.folder import LOG
from inspector.store.database import Store
from inspector.store.filters import HistoryFilter
from inspector.store.followed_folder import FollowedFolder
from inspector.store.history import count_verdicts, find_inspections, last_scores
from inspector.store.schema import HOUR, VERDICT_SUMS

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from killed_stores import kill_stores
from output_parts import defect
from store_runs import START_MS, LogOfRun, frame

RUN_FRAMES: Final = 36_000
"""Frames of a run: an hour at 10 per s."""
FAIL_EVERY: Final = 500
REPEATS: Final = 5


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description=__doc__)
    for name, default, text in (
        ("--frames", 20_000, "frames per log that is read"),
        ("--rows", 1_000_000, "inspections of the store that is queried"),
        ("--kills", 30, "processes to kill"),
    ):
        parser.add_argument(name, type=int, default=default, help=f"{text} (default: %(default)s)")
    options = parser.parse_args()
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        result["reading"] = [reading_row(folder, options.frames, n) for n in (0, 1, 2)]
        result["queries"] = query_rows(folder / "many.sqlite", options.rows)
        start = time.perf_counter()
        result["killed"] = asdict(kill_stores(folder / "killed", kills=options.kills, seed=7))
        result["killed"]["seconds"] = round(time.perf_counter() - start, 1)
    print("  ".join(f"{name} {value}" for name, value in result["killed"].items()))
    print(json.dumps({"store": result}))


def reading_row(folder: Path, count: int, defects: int) -> dict[str, object]:
    """Reads the log of a run whose frames all have this number of defects of 120 points."""
    outline = np.random.default_rng(1).random((120, 2)) * 500
    marks = tuple(replace(defect(n), polygons=(outline,)) for n in range(defects))
    verdict = Verdict.FAIL if defects else Verdict.PASS
    log = LogOfRun(folder / f"run{defects}")
    for number in range(count):
        log.add(frame(number, verdict, defects=marks))
    log.finish()
    store = Store(folder / f"store{defects}.sqlite")
    followed = FollowedFolder(store, log.folder, "production")
    start = time.process_time()
    while not followed.is_ended:
        followed.read_new()
    cpu_us = (time.process_time() - start) / count * 1e6
    store.close()
    row = {
        "defects": defects,
        "cpu_us_per_frame": round(cpu_us, 1),
        "bytes_per_frame": round(store.path.stat().st_size / count),
        "log_bytes_per_frame": round((log.folder / LOG).stat().st_size / count),
    }
    print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    return row


def query_rows(path: Path, count: int) -> dict[str, object]:
    store = Store(path)
    fill(store, count)
    store.close()
    start = time.perf_counter()
    store = Store(path, thorough=True)
    rows: dict[str, object] = {
        "rows": count,
        "bytes_per_frame": round(path.stat().st_size / count, 1),
        "thorough_open_s": round(time.perf_counter() - start, 2),
    }
    middle = utc_text(START_MS + count * 50)
    queries: dict[str, Callable[[], object]] = {
        "newest 50": lambda: find_inspections(store, HistoryFilter()),
        "newest 50 FAIL": lambda: find_inspections(store, HistoryFilter(verdicts=("FAIL",))),
        "50 before a time": lambda: find_inspections(store, HistoryFilter(to_utc=middle)),
        "a part": lambda: find_inspections(store, HistoryFilter(part_id="p1000")),
        "counts per hour": lambda: count_verdicts(store, HistoryFilter(), by="hour"),
        "last 1000 scores": lambda: last_scores(store, "main"),
    }
    for name, query in queries.items():
        times = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            query()
            times.append(time.perf_counter() - start)
        rows[f"{name} ms"] = round(float(np.median(times)) * 1e3, 1)
    store.close()
    print("  ".join(f"{name} {value}" for name, value in rows.items()), flush=True)
    return rows


def fill(store: Store, count: int) -> None:
    """Writes rows at 10 frames per s directly, in runs of an hour. Every tenth has a part."""
    with store.transaction(sync=False) as db:
        for first in range(0, count, RUN_FRAMES):
            run, last = first // RUN_FRAMES + 1, min(first + RUN_FRAMES, count)
            times = [START_MS + 100 * number for number in (first, last - 1)]
            db.execute(
                "INSERT INTO runs (run_id, source, folder, kind, offset, started_ms, unit, "
                "first_number, last_number, first_ms, last_ms) "
                "VALUES (?, 'main', ?, 'production', 1, ?, 'mm', ?, ?, ?, ?)",
                (f"r{run}", f"runs/{run}", times[0], first + 1, last, *times),
            )
            db.executemany(
                "INSERT INTO inspections (run, frame_id, time_ms, verdict, score, part_id, "
                "defects, at) VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
                [
                    _row(run, number - first, number, number / count)
                    for number in range(first, last)
                ],
            )
        db.execute(
            f"INSERT INTO counts SELECT run, {HOUR} AS hour, {VERDICT_SUMS} FROM inspections "
            "GROUP BY run, hour"
        )


def _row(run: int, frame_id: int, number: int, score: float) -> tuple[Any, ...]:
    part_id = None if number % 10 else f"p{number}"
    is_fail = number % FAIL_EVERY == 0
    return (run, frame_id, START_MS + 100 * number, is_fail, score, part_id, 1000 * number)


if __name__ == "__main__":
    main()
