"""Measures whether the cameras of one process share its cores fairly.

python -m benchmarks.cameras [--repeats 3] [--seconds 20] first measures how many frames per s one
live camera reaches. Of this rate, R is --share. It compares a camera with R frames per s with two
cameras with R/2 each, and a camera with R/2 alone with the same camera beside one that sends far
more than the machine can inspect. Run it on an idle machine.
"""

import argparse
import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.clips import FOLDER
from benchmarks.desk_cameras import DIFFERENT, SIZE, web_engine, web_frames
from benchmarks.jpeg_camera import JpegCamera, encode_jpegs
from benchmarks.line_figures import LineFigures, measure_line, median_row

FIRST: Final = "first"
SECOND: Final = "second"
FLOOD: Final = 6.0
"""Rate of the overloaded camera, as a multiple of what the machine reaches."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cameras", description=__doc__)
    add = parser.add_argument
    add("--repeats", type=int, default=3, help="(default: %(default)s)")
    add("--seconds", type=float, default=20.0, help="of each run (default: %(default)s)")
    add("--share", type=float, default=0.6, help="of what one reaches (default: %(default)s)")
    add("--defects", type=float, default=0.02, help="new ones per frame (default: %(default)s)")
    options = parser.parse_args()
    pictures = encode_jpegs(web_frames(SIZE, DIFFERENT, options.defects))
    reached = measure(pictures, {FIRST: 200.0}, options.seconds).rate(FIRST)
    full = options.share * reached
    print(f"one camera reaches {reached:.1f} frames per s; R is {full:.1f}", flush=True)
    cases = {
        "one, R": {FIRST: full},
        "two, R/2 each": {FIRST: full / 2, SECOND: full / 2},
        "one, R/2": {FIRST: full / 2},
        "one, R/2, beside flood": {FIRST: full / 2, SECOND: FLOOD * reached},
    }
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
    for number in range(options.repeats):
        # The order changes, because a machine slows down and speeds up.
        for name in cases if number % 2 else reversed(cases):
            rows[name].append(make_row(measure(pictures, cases[name], options.seconds)))
            print(f"{name:<24}{rows[name][-1]}", flush=True)
    figures = {name: median_row(values) for name, values in rows.items()}
    for name, row in figures.items():
        print(f"{name:<24}" + "  ".join(f"{key} {value}" for key, value in row.items()))
    load = round(os.getloadavg()[2], 1)
    print(f"load of the machine in the last 15 minutes, with this benchmark: {load}")
    result = {"reached_per_s": round(reached, 1), "share": options.share, "load": load}
    print(json.dumps({"cameras": result | {"rows": figures}}))


def measure(pictures: list[bytes], rates: Mapping[str, float], seconds: float) -> LineFigures:
    """rates: name of a camera -> its pictures per s."""
    folder = (FOLDER / "cameras").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.ExitStack() as stack:
        urls = {
            name: stack.enter_context(JpegCamera(pictures, rate)).url
            for name, rate in rates.items()
        }
        return measure_line(folder, make_config(folder, urls), seconds)


def make_config(folder: Path, urls: Mapping[str, str]) -> dict[str, Any]:
    return {
        "engine": {"path": str(web_engine().absolute())},
        "output": {"dir": str(folder / "runs")},
        "log": {"path": str(folder / "line.log")},
        "sources": [{"name": name, "source": {"uri": url}} for name, url in urls.items()],
    }


def make_row(measured: LineFigures) -> dict[str, float]:
    """The figures over all cameras, and those of the first camera. Lost frames are those of the
    whole run."""
    first = measured.cameras[FIRST]
    lost = {name: first.total(name) for name in ("dropped", "errored", "missing")}
    return measured.row() | {
        "first_per_s": round(measured.rate(FIRST), 2),
        "first_p50_ms": round(measured.latency_ms(0.5, FIRST), 1),
        "first_p99_ms": round(measured.latency_ms(0.99, FIRST), 1),
        **{f"first_{name}": count for name, count in lost.items()},
        "all_dropped": sum(camera.total("dropped") for camera in measured.cameras.values()),
        "unbalanced": sum(not r.is_balanced for c in measured.cameras.values() for r in c.runs),
    }


if __name__ == "__main__":
    main()
