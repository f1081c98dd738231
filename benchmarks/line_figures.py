"""Runs the program for some seconds, and measures its CPU time and the latency of its frames."""

import argparse
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.desk_checks import Camera, read_cameras
from benchmarks.desk_line import Reading, RunningLine

WARM_S: Final = 5.0
"""Time before the measurement."""


def parse_minutes(name: str, description: str | None) -> float:
    """Reads the length of a run from the command line. name: of the benchmark."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=description)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="ten minutes")
    length.add_argument("--minutes", type=float, default=60.0, help="(default: %(default)s)")
    options = parser.parse_args()
    return 10.0 if options.quick else float(options.minutes)


@dataclass(frozen=True, slots=True)
class LineFigures:
    """cpu_ms: CPU time of the process per frame of any camera. seconds: of the measurement.
    frames: name of a camera -> its `measured` records from that time. cameras: all runs."""

    cpu_ms: float
    seconds: float
    frames: Mapping[str, Sequence[Mapping[str, Any]]]
    cameras: Mapping[str, Camera]

    def latency_ms(self, share: float, *names: str) -> float:
        """Quantile of the latency. names: of cameras; none: all cameras."""
        frames = [frame for name in names or self.frames for frame in self.frames[name]]
        return quantile([frame["timings_ms"]["latency"] for frame in frames], share)

    def row(self) -> dict[str, float]:
        """The figures over all cameras."""
        return {
            "cpu_ms": round(self.cpu_ms, 2),
            "p50_ms": round(self.latency_ms(0.5), 1),
            "p99_ms": round(self.latency_ms(0.99), 1),
            "frames": sum(map(len, self.frames.values())),
        }

    def rate(self, name: str) -> float:
        """Inspected frames of a camera per s."""
        return len(self.frames[name]) / self.seconds


def measure_line(
    folder: Path,
    values: Mapping[str, Any],
    seconds: float,
    beside: Callable[[], AbstractContextManager[Any]] = contextlib.nullcontext,
) -> LineFigures:
    """folder: of all files of the run, empty. values: the configuration; results go to folder/runs.
    beside: what works beside the program, from its first frame until it is stopped."""
    line = RunningLine(folder, values, interval_s=0.5)
    line.wait_for_first_frame(folder / "runs")
    with beside():
        time.sleep(WARM_S + seconds)
    line.stop()
    end_s = line.readings[-1].time_s
    used = [r for r in line.readings if r.time_s > end_s - seconds - 2]
    # The last readings fall into the end of the program.
    first, last = used[0], next(r for r in reversed(used) if r.time_s < end_s - 2)
    cameras = read_cameras(folder / "runs")
    frames = {
        name: [f for f in camera.frames if first.time_s <= f["captured_ns"] / 1e9 < last.time_s]
        for name, camera in cameras.items()
    }
    count = sum(map(len, frames.values()))
    cpu_ms = 1e3 * (last.cpu_s - first.cpu_s) / count
    return LineFigures(cpu_ms, last.time_s - first.time_s, frames, cameras)


def describe_resources(
    readings: Sequence[Reading], minutes: float, begin_s: float = WARM_S
) -> dict[str, Any]:
    """Medians of the first and of the last ten minutes; of a fifth in a shorter run. begin_s: time
    at the start that is not counted."""
    share_s = 600.0 if minutes >= 60 else 12 * minutes
    first_s, end_s = readings[0].time_s + min(begin_s, share_s), readings[-1].time_s
    first = [r for r in readings if first_s <= r.time_s < first_s + share_s]
    last = [r for r in readings if r.time_s > end_s - share_s]
    figures: dict[str, Any] = {}
    for name in ("memory_mb", "files", "threads"):
        before, after = (median(getattr(r, name) for r in part) for part in (first, last))
        most = max(getattr(r, name) for r in readings)
        figures[name] = {"first": round(before, 1), "last": round(after, 1), "most": round(most, 1)}
        growth = after / before - 1
        print(f"{name}: {before:.1f} first, {after:.1f} last ({growth:+.1%}), {most:.1f} most")
    return {"resources": figures}


def median_row(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: round(median(row[name] for row in rows), 2) for name in rows[0]}


def median_ratio(
    rows: Sequence[Mapping[str, float]], bases: Sequence[Mapping[str, float]], name: str
) -> float:
    """Median over pairs of a row and the base that was measured next to it."""
    return round(median(r[name] / b[name] for r, b in zip(rows, bases, strict=True)), 3)


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
