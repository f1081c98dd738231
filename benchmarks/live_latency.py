"""Latency of a live source from the capture to the verdict, and the time to the first verdict.

python -m benchmarks.live_latency [--seconds 8] sends frames of 1280x720 to the program faster and
slower than its engine, with and without ten defects in every frame, with a fast and a slow disk.
The annotated video is on. Latency is given in periods; a period is the median time of inference in
the same run. Event: until the final verdict is sent. Log: until the lines of the frame are written.
Run it on an idle machine.
"""

import argparse
import contextlib
import json
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np

from benchmarks.clips import FOLDER, MM_PER_PX, clip, engine, frames
from benchmarks.pipeline import run_child
from inspector.core.arrays import Image, freeze
from inspector.core.clock import now_ns, utc_ms, utc_now
from inspector.core.types import BadFrame, Frame, SourceInfo
from inspector.synthetic.rendered_defects import random_defect, render

HW: Final = (720, 1280)
DIFFERENT: Final = 32
"""Number of different frames; they are repeated."""

LOADS: Final = (0.8, 1.5)
"""Rates of the source divided by the rate of the engine."""

DEFECTS: Final = (0, 10)
SLOW_S: Final = 0.3
"""Time that a slow disk needs for each piece of the video. The video has two pieces per s."""


class PacedSource:
    """A live source that gives `rate` frames per s from memory. A late frame delays no other."""

    def __init__(self, images: np.ndarray, rate: float, seconds: float) -> None:
        self.info = SourceInfo("paced", live=True, frame_hw=HW)
        self._images, self._rate = images, rate
        self._count = round(rate * seconds)
        self._next = 0
        self._start_s: float | None = None
        self._closed = threading.Event()

    def read(self) -> Frame | BadFrame | None:
        if self._start_s is None:
            self._start_s = time.monotonic()
        due_s = self._start_s + self._next / self._rate
        if self._closed.wait(max(0.0, due_s - time.monotonic())) or self._next == self._count:
            return None
        number, self._next = self._next, self._next + 1
        image = freeze(self._images[number % len(self._images)].copy())
        return Frame(number, "paced", image, now_ns(), None, utc_now())

    def close(self) -> None:
        self._closed.set()


def pictures(defects: int) -> Path:
    """An array (n, 720, 1280, 3) of frames of the web, made if it is missing."""
    path = FOLDER / f"live_{defects}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(5)
        images = [_add_defects(image, defects, rng) for image in frames(HW, DIFFERENT, 0.0, 3)]
        np.save(path, np.stack(images))
    return path


def _add_defects(image: Image, count: int, rng: np.random.Generator) -> Image:
    """Draws defects that do not touch: five in each half of the picture."""
    for number in range(count):
        centre = (128 + 256 * (number % 5), 180 + 360 * (number // 5))
        shape = random_defect(
            "hole", rng, centre_px=centre, mm_per_px=MM_PER_PX, length_mm=6.0, width_mm=4.0
        )
        image = render(image, shape)
    return image


def inspect_live(options: Mapping[str, Any]) -> dict[str, Any]:
    """Runs the program in this process. options: engine, defects, rate, seconds, slow, settings."""
    from inspector.config import load_config
    from inspector.session import Session

    out = FOLDER / "live_run"
    shutil.rmtree(out, ignore_errors=True)
    settings = {"source.uri": "paced", "engine.path": options["engine"], "output.dir": str(out)}
    settings |= {"log.path": None, "report.enabled": False} | options["settings"]
    images = np.load(pictures(options["defects"]))
    source = PacedSource(images, options["rate"], options["seconds"])
    with slow_disk(options["slow"]):
        Session(load_config(None, settings), opener=lambda *_: source).run()
    return make_row(json.loads((out / "summary.json").read_text()), options["rate"])


def make_row(summary: Mapping[str, Any], rate: float) -> dict[str, Any]:
    """Latencies in periods."""
    period_ms = summary["stages_ms"]["infer"]["p50"]
    quantiles = {
        f"{name}_{quantile}": round(summary[key][quantile] / period_ms, 2)
        for name, key in (("event", "verdict_ms"), ("log", "latency_ms"))
        for quantile in ("p50", "p99")
    }
    frames = summary["inspected"]
    return {
        "period_ms": round(period_ms, 2),
        "load": round(rate * period_ms / 1e3, 2),
        **quantiles,
        "frames": frames,
        "dropped": summary["dropped"],
        "left_out": (summary["background"] or {"left_out": 0})["left_out"],
        "defects": round(summary["defects"]["total"] / frames, 1),
        "refined": round(summary["defects"]["refined"] / frames, 1),
        "cpu_ms": summary["cpu_ms_per_frame"],
    }


def slow_disk(enabled: bool) -> contextlib.AbstractContextManager[Any]:
    """Lets each write of the video wait, like a disk that is busy."""
    from inspector.outputs import mp4_file

    if not enabled:
        return contextlib.nullcontext()
    write_all = mp4_file._write_all

    def write_slowly(descriptor: int, data: bytes) -> None:
        time.sleep(SLOW_S)
        write_all(descriptor, data)

    return patch.object(mp4_file, "_write_all", write_slowly)


def measure_start(source: Path, engine_path: Path) -> float:
    """Seconds from the command until the first lines of the log are written."""
    out = FOLDER / "live_start"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "run_inspector.py", "--source", str(source)]
    command += ["--engine", str(engine_path), "--output", str(out)]
    command += ["--set", "report.enabled=false"]
    start_ms = time.time() * 1e3
    subprocess.run(command, check=True, capture_output=True)
    for line in (out / "inspections.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["type"] == "measured":
            first_ms = utc_ms(record["wall_time_utc"]) + record["timings_ms"]["latency"]
            return float(first_ms - start_ms) / 1e3
    raise SystemExit("no frame was inspected")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live_latency", description=__doc__)
    add = parser.add_argument
    add("--seconds", type=float, default=8.0, help="of each run (default: %(default)s)")
    add("--starts", type=int, default=5, help="number of measured starts (default: %(default)s)")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="of the configuration")
    add("--run", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(inspect_live(json.loads(arguments.run))))
        return
    from inspector.config import parse_setting

    settings = dict(map(parse_setting, arguments.set))
    engine_path = engine("256x256", HW)
    for defects in DEFECTS:
        pictures(defects)
    common = {"engine": str(engine_path), "seconds": arguments.seconds, "settings": settings}

    def run(rate: float, defects: int, slow: bool) -> dict[str, Any]:
        options = common | {"rate": rate, "defects": defects, "slow": slow}
        row = run_child(["-m", "benchmarks.live_latency", "--run", json.dumps(options)])
        return dict(json.loads(row))

    period_ms = run(20.0, 0, False)["period_ms"]
    print(f"the engine alone takes {period_ms} ms; latencies in periods")
    rows = []
    for load in LOADS:
        for defects in DEFECTS:
            for slow in (False, True):
                row = {"source": load, "defects": defects, "slow_disk": slow}
                row |= run(load * 1e3 / period_ms, defects, slow)
                rows.append(row)
                print(row, flush=True)
    source = clip(HW, 60, 0.0)
    starts = sorted(measure_start(source, engine_path) for _ in range(arguments.starts))
    print(f"start: median {statistics.median(starts):.2f} s, {starts}")
    print(json.dumps({"live_latency": rows, "start_s": round(statistics.median(starts), 3)}))


if __name__ == "__main__":
    main()
