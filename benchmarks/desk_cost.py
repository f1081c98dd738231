"""Measures what web view and store of a line cost.

python -m benchmarks.desk_cost [--pairs 5] [--seconds 40] inspects the two cameras of
`benchmarks.desk` in turn without them (a plain run), with them, and with a browser that shows both
live pictures. CPU time is that of the program alone, without the browser and the servers.
"""

import argparse
import json
import shutil
import time
from statistics import median
from typing import Any, Final

from benchmarks.clips import FOLDER
from benchmarks.desk import FILE, STREAM, make_config, quantile
from benchmarks.desk_browser import Browser
from benchmarks.desk_cameras import Cameras
from benchmarks.desk_checks import read_cameras
from benchmarks.desk_line import RunningLine, free_port

KINDS: Final = ("plain", "desk", "desk, browser")
_WARM_S: Final = 5.0


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
    figures: dict[str, Any] = {}
    for kind in KINDS:
        figures[kind] = {
            name: round(median(r[name] for r in rows[kind]), 2) for name in rows[kind][0]
        }
    for kind in KINDS[1:]:
        for name in ("cpu_ms", "p99_ms"):
            ratios = [
                row[name] / base[name] for row, base in zip(rows[kind], rows["plain"], strict=True)
            ]
            figures[kind][f"{name}_ratio"] = round(median(ratios), 3)
    for kind, row in figures.items():
        print(f"{kind:<15}" + "  ".join(f"{name} {value}" for name, value in row.items()))
    print(json.dumps({"desk_cost": {"pairs": options.pairs, "rows": figures}}))


def measure(kind: str, seconds: float) -> dict[str, float]:
    """CPU-ms per frame of the process, and latencies of all frames, after a warm-up."""
    folder = (FOLDER / "desk_cost").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    with Cameras(seconds + 120, cut_s=seconds + 120) as cameras:
        port = None if kind == "plain" else free_port()
        line = RunningLine(folder, make_config(folder, cameras, port=port), interval_s=0.5)
        line.wait_for_first_frame(folder / "runs")
        browser = Browser(port, (FILE, STREAM)) if port is not None and "browser" in kind else None
        time.sleep(_WARM_S + seconds)
        line.stop()
        if browser is not None:
            browser.close()
    end_s = line.readings[-1].time_s
    used = [r for r in line.readings if r.time_s > end_s - seconds - 2]
    # The last readings fall into the end of the program.
    first, last = used[0], next(r for r in reversed(used) if r.time_s < end_s - 2)
    frames = [
        frame
        for camera in read_cameras(folder / "runs").values()
        for frame in camera.frames
        if first.time_s <= frame["captured_ns"] / 1e9 < last.time_s
    ]
    latencies = [frame["timings_ms"]["latency"] for frame in frames]
    return {
        "cpu_ms": round(1e3 * (last.cpu_s - first.cpu_s) / len(frames), 2),
        "p50_ms": round(quantile(latencies, 0.5), 1),
        "p99_ms": round(quantile(latencies, 0.99), 1),
        "frames": len(frames),
    }


if __name__ == "__main__":
    main()
