"""Measures how well each method separates real good and defective pictures, and what it costs.

python -m benchmarks.accuracy --data DIR fits an engine per method and class of DIR, each in a
separate process. It evaluates the test pictures on two threads and prints a table and JSON.
`--methods auto` lets the command fit choose. `--methods autoencoder` trains. `--options
rad="--radius all"` gives options of the command fit or train to one method.
"""

import argparse
import dataclasses
import json
import math
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.spec_file import read_spec
from evaluation.class_evaluation import evaluate_class
from evaluation.provenance import Settings
from evaluation.results import PictureResult
from learning.datasets.layouts import load
from learning.datasets.types import ClassData
from learning.methods.registry import fitted_methods, trained_methods
from learning.selection.candidates import AUTO
from learning.training import ENGINE

SETS = ("cookie", "ballscrew", "cubes")
THREADS = 2
KNOWN = (AUTO, *fitted_methods(), *trained_methods())
RATES = (0.01, 0.05, 0.1)
"""Rows of the engine's table of rates that are shown."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Of the pictures that were judged. false_alarms: good pictures that fail. missed: defective
    pictures that pass. None without such pictures."""

    false_alarms: float | None
    missed: float | None


def shares_at(threshold: float, good: Sequence[float], defective: Sequence[float]) -> Shares:
    """good, defective: image scores. A picture fails at the threshold and above."""
    return Shares(
        sum(score >= threshold for score in good) / len(good) if good else None,
        sum(score < threshold for score in defective) / len(defective) if defective else None,
    )


def _harm(shares: Shares) -> tuple[float, float]:
    alarms = shares.false_alarms or 0.0
    return alarms + (shares.missed or 0.0), alarms


def best_shares(good: Sequence[float], defective: Sequence[float]) -> Shares:
    """At the threshold with the smallest sum of both shares, of equals with the fewest false
    alarms. The test pictures choose it, so it is a bound and no promise."""
    thresholds = [*good, *defective, math.inf]
    return min((shares_at(t, good, defective) for t in thresholds), key=_harm)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Figures of a method on a class.

    pixel_auroc, aupro: at the resolution of the map, None without masks. false_alarms, detected:
    shares of good and defective test pictures at or above the image threshold. fit_s, fit_mb: wall
    time and peak resident memory of the command fit or train. ms: median of preprocessing and
    inference. chosen: method and options in the engine. at_rates: rate -> shares at its threshold,
    without the rates that the engine does not have. best: see best_shares.
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
    chosen: str
    at_rates: dict[str, Shares]
    best: Shares


def measure(data: ClassData, folder: Path, method: str, options: Sequence[str] = ()) -> Accuracy:
    """Fits an engine on the good training pictures and evaluates it on all test pictures."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / ENGINE
        fit_s, fit_mb = _make(folder, method, path, options)
        result = evaluate_class(path, data, Settings(threads=THREADS, resamples=0))
        spec = read_spec(path)
    figures, limits = result.figures, result.at_threshold
    good, defective = _scores(result.pictures, False), _scores(result.pictures, True)
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
        chosen=" ".join([spec.method, *_settings(spec.parameters)]),
        at_rates={
            f"{row.rate:g}": shares_at(row.image_threshold, good, defective)
            for row in spec.rates or ()
            if row.rate in RATES
        },
        best=best_shares(good, defective),
    )


def _scores(pictures: Sequence[PictureResult], defective: bool) -> list[float]:
    """Without pictures that are ERROR."""
    return [
        picture.score
        for picture in pictures
        if picture.defective == defective
        and picture.verdict != "ERROR"
        and picture.score is not None
    ]


def _settings(parameters: Mapping[str, object]) -> list[str]:
    return [f"{key} {parameters[key]}" for key in ("radius", "top_fraction") if key in parameters]


def _make(folder: Path, method: str, out: Path, options: Sequence[str]) -> tuple[float, float]:
    """Seconds and peak megabytes of the command fit, or of train for a method that is trained."""
    if method in trained_methods():
        words = ["tools.train", "--data", str(folder), "--out", str(out.parent)]
    else:
        words = ["tools.fit", "--normal", str(folder), "--out", str(out), "--no-sheet"]
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", *words, "--method", method, "--threads", str(THREADS), *options],
        stdout=subprocess.DEVNULL,
    )
    # wait4 gives the peak of this child; resource.getrusage gives only that of the largest child.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{words[0]} --method {method} on {folder} failed")
    return time.perf_counter() - started, usage.ru_maxrss * 1024 / 1e6


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of class folders")
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--methods", nargs="+", default=(AUTO, *fitted_methods()), choices=KNOWN)
    parser.add_argument(
        "--options",
        nargs="+",
        default=[],
        type=_method_options,
        metavar="METHOD=OPTIONS",
        help='options of the command fit or train for a method, such as rad="--radius all"',
    )
    arguments = parser.parse_args(argv)
    options = dict(arguments.options)
    at_rates = "".join(f"{f'at {rate:.0%}':>9}" for rate in RATES)
    print(
        f"{'method':11}{'set':11}{'image':>8}{'pixel':>8}{'AUPRO':>8}{'alarms':>8}{'found':>8}"
        f"{at_rates}{'best':>9}{'fit s':>7}{'fit MB':>8}{'MB':>7}{'ms':>7}  chosen\n"
        "At a rate and at the best: false alarms / missed, % of the test pictures."
    )
    rows = []
    for name in arguments.sets:
        folder = arguments.data / name
        (data,) = load(folder, None)
        for method in arguments.methods:
            row = measure(data, folder, method, options.get(method, ()))
            rows.append(row)
            shares = "".join(_figure(v) for v in (row.image_auroc, row.pixel_auroc, row.aupro))
            alarms = f"{row.false_alarms or 0:8.1%}{row.detected:8.1%}"
            cost = f"{row.fit_s:7.1f}{row.fit_mb:8.0f}{row.engine_mb:7.1f}{row.ms or 0:7.1f}"
            rates = "".join(_percent(row.at_rates.get(f"{rate:g}")) for rate in RATES)
            rates += _percent(row.best)
            print(
                f"{row.method:11}{row.name:11}{shares}{alarms}{rates}{cost}  {row.chosen}",
                flush=True,
            )
    print(json.dumps({"accuracy": [_values(row) for row in rows]}))
    return 0


def _method_options(text: str) -> tuple[str, list[str]]:
    method, separator, options = text.partition("=")
    if not separator or method not in KNOWN:
        raise argparse.ArgumentTypeError(f"{text!r} is not METHOD=OPTIONS")
    return method, shlex.split(options)


def _percent(shares: Shares | None) -> str:
    if shares is None:
        return f"{'-':>9}"
    values = (shares.false_alarms, shares.missed)
    return f"{'/'.join('-' if v is None else f'{100 * v:.0f}' for v in values):>9}"


def _values(row: Accuracy) -> dict[str, object]:
    values = dataclasses.asdict(row)
    return {"found" if key == "detected" else key: value for key, value in values.items()}


def _figure(value: float | None) -> str:
    return f"{'-' if value is None else f'{value:.4f}':>8}"


if __name__ == "__main__":
    sys.exit(main())
