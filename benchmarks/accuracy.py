"""How well each method with its defaults separates real good and defective pictures, and its cost.

python -m benchmarks.accuracy --data DIR fits one engine per method and class of DIR, each in a
process of its own, judges the test pictures on two threads, and prints a table and JSON.
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
    """pixel_auroc, aupro: on the map's own grid, None without masks. false_alarms, found: shares of
    good and defective test pictures at or above the image threshold. fit_s, fit_mb: wall time and
    peak resident memory of the whole command. ms: median of preprocessing and inference.
    """

    method: str
    name: str
    image_auroc: float | None
    pixel_auroc: float | None
    aupro: float | None
    false_alarms: float | None
    found: float
    fit_s: float
    fit_mb: float
    engine_mb: float
    ms: float | None


def measure(data: ClassData, folder: Path, method: str, options: Sequence[str] = ()) -> Accuracy:
    """Fits on the good training pictures as tools.fit does and judges all test pictures."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "engine.onnx"
        fit_s, fit_mb = _fit(folder, method, path, options)
        found = evaluate_class(path, data, Settings(threads=THREADS, resamples=0))
    figures, limits = found.figures, found.at_threshold
    return Accuracy(
        method=method,
        name=data.name,
        image_auroc=figures.image_auroc.value,
        pixel_auroc=figures.pixel_auroc.value,
        aupro=figures.aupro.value,
        false_alarms=limits.false_alarm_rate.share,
        found=1 - (limits.miss_rate.share or 0.0),
        fit_s=fit_s,
        fit_mb=fit_mb,
        engine_mb=found.engine.megabytes,
        ms=found.latency.total_p50_ms,
    )


def _fit(folder: Path, method: str, out: Path, options: Sequence[str]) -> tuple[float, float]:
    """Seconds and peak megabytes of tools.fit."""
    common = ["--normal", str(folder), "--out", str(out), "--threads", str(THREADS)]
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.fit", "--method", method, *common, *options],
        stdout=subprocess.DEVNULL,
    )
    # wait4 gives the peak of this one child; resource.getrusage knows only that of the largest.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"tools.fit --method {method} failed on {folder}")
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
            one = measure(data, folder, method)
            rows.append(one)
            shares = "".join(_figure(v) for v in (one.image_auroc, one.pixel_auroc, one.aupro))
            alarms = f"{one.false_alarms or 0:8.1%}{one.found:8.1%}"
            cost = f"{one.fit_s:7.1f}{one.fit_mb:8.0f}{one.engine_mb:7.1f}{one.ms or 0:7.1f}"
            print(f"{one.method:11}{one.name:11}{shares}{alarms}{cost}", flush=True)
    print(json.dumps({"accuracy": [dataclasses.asdict(one) for one in rows]}))
    return 0


def _figure(value: float | None) -> str:
    return f"{'-' if value is None else f'{value:.4f}':>8}"


if __name__ == "__main__":
    sys.exit(main())
