"""Compares int8 engines with the float32 engines that they are made from, on real pictures.

python -m benchmarks.int8 --data DIR fits an engine per set and method on the good pictures of DIR,
converts it, and evaluates both on all test pictures. Their times are CPU times on one thread; the
engines take turns. No defects are simulated. `--emulate` also runs the golden pictures on a CPU
without VNNI and AVX-512, which qemu-x86_64 (Debian: qemu-user) emulates.
"""

import argparse
import contextlib
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.accuracy import SETS
from engines import golden
from engines.backends.onnx import OnnxEngine
from engines.opening import open_engine
from engines.parity import Ruler, compare_golden
from engines.spec import EngineSpec
from evaluation.class_evaluation import evaluate_class
from evaluation.provenance import Settings
from evaluation.results import ClassResult
from inspector.core.errors import ParityError
from inspector.engine_check import make_ruler
from inspector.measure.options import MeasureOptions
from learning.datasets.layouts import load
from learning.datasets.types import ClassData
from learning.fitting import fit_engine
from learning.job import FitOptions
from learning.methods.registry import make_method
from learning.normals import from_pictures
from learning.quantising.converting import Int8Conversion, convert_to_int8
from learning.quantising.verdicts import Verdicts, compare_verdicts
from learning.refitting import RefitOptions

METHODS = ("rad", "patchcore", "padim")
ROUNDS = 60
WARM_UP = 5

EMULATOR = ("qemu-x86_64", "-cpu", "max")
"""Version 7.2 or newer: AVX2, but neither VNNI nor AVX-512."""

GOLDEN_OUTPUTS = """
import sys
from pathlib import Path
import numpy as np
from engines import golden
from engines.backends.onnx import OnnxEngine
engine = OnnxEngine(Path(sys.argv[1]), threads=1)
runs = [engine.infer(each[None]) for each in golden.unpack(engine.spec).pixels]
np.savez(sys.argv[2], *(np.concatenate(each) for each in zip(*runs)))
"""


@dataclass(frozen=True, slots=True)
class Side:
    """Figures of one engine. pixel_auroc, aupro: None without masks. alarms, missed: numbers of
    test pictures. ms: median CPU time of one picture."""

    image_auroc: float | None
    pixel_auroc: float | None
    aupro: float | None
    alarms: int
    missed: int
    threshold: float
    megabytes: float
    ms: float


@dataclass(frozen=True, slots=True)
class Row:
    """before, after: float32 and int8. ratio: median of the ratios of the times in each round.
    verdicts: of the checks of the conversion, and of the test pictures. openvino, emulated: largest
    difference of the scores of the golden pictures, relative to the largest; None if not run."""

    name: str
    method: str
    before: Side
    after: Side
    ratio: float
    float_layers: tuple[str, ...]
    feature_error: float
    verdicts: tuple[Verdicts, ...]
    openvino: float
    emulated: float | None


def measure(data: ClassData, method: str, folder: Path, *, seed: int, emulate: bool) -> Row:
    """Raises ParityError if the conversion is refused."""
    engine, copy = folder / "float32.onnx", folder / "int8.onnx"
    done = make_engines(data, method, engine, copy, seed)
    results = [
        evaluate_class(path, data, Settings(threads=1, resamples=0)) for path in (engine, copy)
    ]
    limits = done.before.image_threshold, done.spec.image_threshold
    times = time_engines(engine, copy)
    before, after = (
        _side(result, limit, path, [pair[index] for pair in times])
        for index, (result, limit, path) in enumerate(
            zip(results, limits, (engine, copy), strict=True)
        )
    )
    right, scores = (np.array([each.score for each in result.pictures]) for result in results)
    return Row(
        data.name,
        method,
        before,
        after,
        statistics.median(second / first for first, second in times),
        done.quantisation.float_layers,
        done.quantisation.parameters["feature_error"],
        (*done.verdicts, compare_verdicts("test pictures", right, limits[0], scores, limits[1])),
        _openvino_difference(copy),
        _emulated_difference(copy, folder) if emulate else None,
    )


def make_engines(
    data: ClassData, method: str, engine: Path, copy: Path, seed: int
) -> Int8Conversion:
    """Fits the float32 engine and converts it."""
    files = [each.path for each in data.normals()]
    normals = from_pictures(data.name, [(each.name, each.path) for each in data.normals()])
    made = make_method(method, {})
    options = FitOptions(
        data.name, made, made.find_backbone(None), seed=seed, threads=1, simulated=0, checked=3
    )
    fit_engine(normals, options, engine, lambda *_: None)

    def ruler(spec: EngineSpec) -> Ruler:
        return make_ruler(spec, None, MeasureOptions(), pixel_threshold=spec.pixel_threshold)

    return convert_to_int8(
        engine, files, copy, ruler, lambda *_: None, options=RefitOptions(threads=1)
    )


def time_engines(engine: Path, copy: Path) -> list[tuple[float, float]]:
    """CPU ms of one picture by both engines, for each round."""
    with (
        contextlib.closing(OnnxEngine(engine, threads=1)) as first,
        contextlib.closing(OnnxEngine(copy, threads=1)) as second,
    ):
        examples = golden.unpack(first.spec)
        assert examples is not None, "the engine was just fitted"
        picture = examples.pixels[:1]
        rounds = []
        for _ in range(WARM_UP + ROUNDS):
            pair = []
            for each in (first, second):
                start = time.process_time()
                each.infer(picture)
                pair.append((time.process_time() - start) * 1e3)
            rounds.append((pair[0], pair[1]))
    return rounds[WARM_UP:]


def _side(result: ClassResult, limit: float, path: Path, times: Sequence[float]) -> Side:
    figures = result.figures
    scored = [(each.defective, each.score) for each in result.pictures if each.score is not None]
    return Side(
        figures.image_auroc.value,
        figures.pixel_auroc.value,
        figures.aupro.value,
        sum(score >= limit for defective, score in scored if not defective),
        sum(score < limit for defective, score in scored if defective),
        limit,
        path.stat().st_size / 1e6,
        statistics.median(times),
    )


def _openvino_difference(engine: Path) -> float:
    opened = open_engine(engine, backend="openvino", threads=1)
    with contextlib.closing(opened):
        findings = compare_golden(opened)
    assert findings is not None, "the engine was just fitted"
    if findings.failures:
        raise SystemExit(f"{engine} fails its check on OpenVINO: {'; '.join(findings.failures)}")
    return findings.differences["score"]


def _emulated_difference(engine: Path, folder: Path) -> float:
    """Largest difference of scores and maps between this CPU and the emulated one."""
    outputs = []
    for place, words in (("here", ()), ("emulated", EMULATOR)):
        out = folder / f"{place}.npz"
        command = [*words, sys.executable, "-c", GOLDEN_OUTPUTS, str(engine), str(out)]
        subprocess.run(command, check=True)
        with np.load(out) as arrays:
            outputs.append([arrays[name] for name in arrays.files])
    return max(
        float(np.abs(other - mine).max() / np.abs(mine).max())
        for mine, other in zip(*outputs, strict=True)
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.int8", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of class folders")
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--seed", type=int, default=0, help="of the fits (default: 0)")
    parser.add_argument("--emulate", action="store_true")
    arguments = parser.parse_args(argv)
    rows, refused = [], []
    for name in arguments.sets:
        (data,) = load(arguments.data / name, None)
        for method in arguments.methods:
            with tempfile.TemporaryDirectory() as place:
                try:
                    row = measure(
                        data,
                        method,
                        Path(place),
                        seed=arguments.seed,
                        emulate=arguments.emulate,
                    )
                except ParityError as exc:
                    refused.append(f"{method} {name}: {exc}")
                    print(refused[-1], flush=True)
                    continue
            rows.append(row)
            print(describe(row), flush=True)
    print(json.dumps({"int8": [dataclasses.asdict(row) for row in rows], "refused": refused}))
    return 0


def describe(row: Row) -> str:
    """Several lines; pairs are float32 -> int8."""
    before, after = row.before, row.after
    pairs = [
        f"{name} {_figure(getattr(before, key))} -> {_figure(getattr(after, key))}"
        for name, key in (
            ("image AUROC", "image_auroc"),
            ("pixel AUROC", "pixel_auroc"),
            ("AUPRO", "aupro"),
            ("threshold", "threshold"),
        )
    ]
    counts = [
        f"alarms {before.alarms} -> {after.alarms}",
        f"missed {before.missed} -> {after.missed}",
        f"MB {before.megabytes:.1f} -> {after.megabytes:.1f}",
        f"CPU ms {before.ms:.1f} -> {after.ms:.1f} ({row.ratio:.2f})",
    ]
    verdicts = [
        f"{each.name} {each.pictures}: {each.near} near, {each.beyond} beyond, scores x "
        f"{each.drift:.3f}"
        for each in row.verdicts
    ]
    others = [
        f"float32 layers {', '.join(row.float_layers) or 'none'}",
        f"feature error {row.feature_error:.3f}",
        f"OpenVINO {row.openvino:.2g}",
        f"without VNNI {'not run' if row.emulated is None else f'{row.emulated:.2g}'}",
    ]
    lines = (f"{row.method} {row.name}", *map("; ".join, (pairs, counts, verdicts, others)))
    return "\n  ".join(lines)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


if __name__ == "__main__":
    sys.exit(main())
