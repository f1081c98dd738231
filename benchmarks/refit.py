"""Measures how long a refit takes, and whether it equals a fit from scratch.

python -m benchmarks.refit --data DIR fits RAD from the first pictures of each set and adds the
others one by one, each accepted before the next. It prints the time to make a candidate, image
AUROC and verdicts before and after, and whether undoing gives the first file again.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.accuracy import SETS
from engines.engine_changes import accept_candidate, undo_engine
from engines.opening import open_engine
from engines.pictures import decode_picture
from engines.spec_file import read_spec
from learning import fit
from learning.datasets.layouts import load
from learning.datasets.types import Sample
from learning.metrics.image import auroc
from learning.refitting import refit_engine

Values = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """scores: (n,) of the test pictures. failed, defective: (n,) bool."""

    scores: Values
    failed: npt.NDArray[np.bool_]
    defective: npt.NDArray[np.bool_]

    def describe(self) -> str:
        good, bad = self.failed[~self.defective], self.failed[self.defective]
        area = auroc(self.scores, self.defective).value
        return (
            f"AUROC {area:.4f}, {good.sum()} of {len(good)} good and {bad.sum()} of {len(bad)} "
            "defective test pictures fail"
        )


def judge(path: Path, tests: Sequence[Sample]) -> Verdicts:
    with open_engine(path) as engine:
        predictions = [engine.predict(decode_picture(test.path)) for test in tests]
        limit = engine.spec.image_threshold
    scores = np.array([prediction.score for prediction in predictions])
    return Verdicts(scores, scores >= limit, np.array([test.defective for test in tests]))


def measure(folder: Path, work: Path, first: int, most: int) -> list[str]:
    """Lines about one set. first, most: number of good pictures at the beginning and at the end."""
    (data,) = load(folder, None)
    paths = [sample.path for sample in data.normals()][:most]
    tests = data.tests()
    engine = work / "engine.onnx"
    fit(paths[:first], "rad", engine, name=data.name, teachable=True)
    content, before = engine.read_bytes(), judge(engine, tests)
    seconds, cpu_s = [], []
    for path in paths[first:]:
        start, start_cpu = time.perf_counter(), time.process_time()
        candidate = refit_engine(engine, [path], lambda *_: None)
        seconds.append(time.perf_counter() - start)
        cpu_s.append(time.process_time() - start_cpu)
        accept_candidate(engine, candidate.result.path, "benchmark", path.name)
    after, spec = judge(engine, tests), read_spec(engine)
    start = time.perf_counter()
    scratch = fit(paths, "rad", work / "scratch.onnx", name=data.name).spec
    scratch_s = time.perf_counter() - start
    for _ in seconds:
        undo_engine(engine, "benchmark", "back to the first file")
    limits = [(each.image_threshold, each.pixel_threshold) for each in (spec, scratch)]
    return [
        f"{data.name}: {first} to {len(paths)} good pictures",
        f"  seconds for a candidate: {_range(seconds)}; CPU seconds: {_range(cpu_s)}; "
        f"{scratch_s:.1f} s for a fit of all",
        f"  before: {before.describe()}",
        f"  after: {after.describe()}",
        f"  PASS to FAIL {np.count_nonzero(~before.failed & after.failed)}, FAIL to PASS "
        f"{np.count_nonzero(before.failed & ~after.failed)}",
        f"  equal to a fit of all: graph {spec.graph_hash == scratch.graph_hash}, scores "
        f"{spec.left_out == scratch.left_out}, thresholds {limits[0] == limits[1]}",
        f"  byte-identical after {len(seconds)} undos: {engine.read_bytes() == content}",
    ]


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}, median {statistics.median(values):.2f}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refit", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--sets", nargs="+", default=list(SETS), help="(default: all)")
    parser.add_argument("--first", type=int, default=20, help="good pictures to begin with (20)")
    parser.add_argument("--most", type=int, default=31, help="good pictures at the end (31)")
    arguments = parser.parse_args(argv)
    for name in arguments.sets:
        with tempfile.TemporaryDirectory() as work:
            folder = arguments.data / name
            lines = measure(folder, Path(work), arguments.first, arguments.most)
        print("\n".join(lines), flush=True)
    return 0


if __name__ == "__main__":
    main()
