"""Measures what web view and store of a line cost.

python -m benchmarks.desk_cost [--pairs 5] [--seconds 40] inspects the two cameras of
`benchmarks.desk` in turn without them (a plain run), with them, and with a browser that shows both
live pictures. CPU time is that of the program alone, without the browser and the servers.
"""

import argparse
import contextlib
import json
import shutil
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final

from benchmarks.clips import FOLDER
from benchmarks.desk import FILE, STREAM, make_config
from benchmarks.desk_browser import Browser
from benchmarks.desk_cameras import Cameras
from benchmarks.desk_line import free_port
from benchmarks.line_figures import measure_line, median_ratio, median_row

KINDS: Final = ("plain", "desk", "desk, browser")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.desk_cost", description=__doc__)
    parser.add_argument("--pairs", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=40.0, help="(default: %(default)s)")
    options = parser.parse_args()
    rows: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    for number in range(options.pairs):
        # The order changes, because a machine slows down and speeds up.
        for kind in KINDS if number % 2 else reversed(KINDS):
            rows[kind].append(measure(kind, options.seconds))
            print(f"{kind:<15}{rows[kind][-1]}", flush=True)
    figures: dict[str, Any] = {kind: median_row(rows[kind]) for kind in KINDS}
    for kind in KINDS[1:]:
        for name in ("cpu_ms", "p99_ms"):
            figures[kind][f"{name}_ratio"] = median_ratio(rows[kind], rows["plain"], name)
    for kind, row in figures.items():
        print(f"{kind:<15}" + "  ".join(f"{name} {value}" for name, value in row.items()))
    print(json.dumps({"desk_cost": {"pairs": options.pairs, "rows": figures}}))


def measure(kind: str, seconds: float) -> dict[str, float]:
    """CPU-ms per frame of the process, and latencies of all frames, after a warm-up."""
    folder = (FOLDER / "desk_cost").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    with Cameras(seconds + 120, cut_s=seconds + 120) as cameras:
        port = None if kind == "plain" else free_port()
        watch = partial(_watch, port if "browser" in kind else None)
        values = make_config(folder, cameras, port=port)
        return measure_line(folder, values, seconds, watch).row()


def _watch(port: int | None) -> AbstractContextManager[Any]:
    if port is None:
        return contextlib.nullcontext()
    return contextlib.closing(Browser(port, (FILE, STREAM)))


if __name__ == "__main__":
    main()
