"""Measures how well each method separates real good and defective pictures, and what it costs.

python -m benchmarks.accuracy --data DIR fits an engine per method and class of DIR, each in a
separate process and with default options. It evaluates the test pictures on two threads and
prints a table and JSON.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.class_evaluation import evaluate_class
from evaluation.provenance import Settings
from learning.datasets.layouts import load
from learning.datasets.types import ClassData
from learning.methods.registry import fitted_methods

SETS = ("cookie", "ballscrew", "cubes")
THREADS = 2


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Figures of a method on a class.

    pixel_auroc, aupro: at the resolution of the map, None without masks. false_alarms, detected:
    shares of good and defective test pictures at or above the image threshold. fit_s, fit_mb: wall
    time and peak resident memory of the command fit. ms: median of preprocessing and inference.
    """

    method: str
    name: str
    image_auroc: float | None
    pixel_auroc: float | None
    aupro: float | None
    false_alarms: float | None
    detected: float
    fit_s: float
    fit_mb: float
    engine_mb: float
    ms: float | None


def measure(data: ClassData, folder: Path, method: str, options: Sequence[str] = ()) -> Accuracy:
    """Fits an engine on the good training pictures and evaluates it on all test pictures."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "engine.onnx"
        fit_s, fit_mb = _fit(folder, method, path, options)
        result = evaluate_class(path, data, Settings(threads=THREADS, resamples=0))
    figures, limits = result.figures, result.at_threshold
    return Accuracy(
        method=method,
        name=data.name,
        image_auroc=figures.image_auroc.value,
        pixel_auroc=figures.pixel_auroc.value,
        aupro=figures.aupro.value,
        false_alarms=limits.false_alarm_rate.share,
        detected=1 - (limits.miss_rate.share or 0.0),
        fit_s=fit_s,
        fit_mb=fit_mb,
        engine_mb=result.engine.megabytes,
        ms=result.latency.total_p50_ms,
    )


def _fit(folder: Path, method: str, out: Path, options: Sequence[str]) -> tuple[float, float]:
    """Seconds and peak megabytes of the command fit."""
    common = ["--normal", str(folder), "--out", str(out), "--threads", str(THREADS), "--no-sheet"]
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.fit", "--method", method, *common, *options],
        stdout=subprocess.DEVNULL,
    )
    # wait4 gives the peak of this child; resource.getrusage gives only that of the largest child.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"fitting {method} on {folder} failed")
    return time.perf_counter() - started, usage.ru_maxrss * 1024 / 1e6


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of class folders")
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--methods", nargs="+", default=fitted_methods(), choices=fitted_methods())
    arguments = parser.parse_args(argv)
    print(
        f"{'method':11}{'set':11}{'image':>8}{'pixel':>8}{'AUPRO':>8}{'alarms':>8}{'found':>8}"
        f"{'fit s':>7}{'fit MB':>8}{'MB':>7}{'ms':>7}"
    )
    rows = []
    for name in arguments.sets:
        folder = arguments.data / name
        (data,) = load(folder, None)
        for method in arguments.methods:
            row = measure(data, folder, method)
            rows.append(row)
            shares = "".join(_figure(v) for v in (row.image_auroc, row.pixel_auroc, row.aupro))
            alarms = f"{row.false_alarms or 0:8.1%}{row.detected:8.1%}"
            cost = f"{row.fit_s:7.1f}{row.fit_mb:8.0f}{row.engine_mb:7.1f}{row.ms or 0:7.1f}"
            print(f"{row.method:11}{row.name:11}{shares}{alarms}{cost}", flush=True)
    print(json.dumps({"accuracy": [_values(row) for row in rows]}))
    return 0


def _values(row: Accuracy) -> dict[str, object]:
    values = dataclasses.asdict(row)
    return {"found" if key == "detected" else key: value for key, value in values.items()}


def _figure(value: float | None) -> str:
    return f"{'-' if value is None else f'{value:.4f}':>8}"


if __name__ == "__main__":
    sys.exit(main())
