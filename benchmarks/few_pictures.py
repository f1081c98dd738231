"""Measures engines that are fitted from few good pictures, with and without altered copies.

python -m benchmarks.few_pictures --data DIR fits from random draws of n good pictures of each set,
with the code and the defaults of fit, but also PatchCore with copies. It prints the mean over the
draws: image AUROC, false alarms and misses at the default threshold; nan where the method needs
more pictures. It writes no engine files.
"""

import argparse
import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.accuracy import SETS
from engines.pictures import decode_picture
from engines.resize import to_input
from inspector.core.arrays import Image
from inspector.core.errors import DataError
from learning.augmentation import (
    AUGMENT,
    MOST_PICTURES,
    NONE,
    choose_augmentation,
    embed_copies,
    embed_pictures,
)
from learning.datasets.layouts import load
from learning.job import EngineJob, FitOptions
from learning.methods.base import Embeddings
from learning.methods.registry import fitted_methods, make_method
from learning.metrics import image
from learning.normals import Normals, from_pictures
from learning.scoring import fit_and_score
from learning.thresholds.choosing import choose_thresholds
from learning.thresholds.folds import score_pictures

COUNTS = (1, 2, 5, 10, 20, 200)
"""Larger ones than the number of pictures are all pictures."""

DRAWS = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Tests:
    """pixels: (n, H, W, 3) uint8 RGB. defective: (n,)."""

    pixels: Image
    defective: npt.NDArray[np.bool_]


def read_set(folder: Path) -> tuple[Normals, Tests]:
    (data,) = load(folder, None)
    normals = from_pictures(data.name, [(each.name, each.path) for each in data.normals()])
    tests = data.tests()
    pixels = np.stack([to_input(decode_picture(t.path), normals.rule)[0] for t in tests])
    return normals, Tests(pixels, np.array([test.defective for test in tests]))


def draw(normals: Normals, count: int, seed: int) -> Normals:
    chosen = np.sort(np.random.default_rng(seed).permutation(len(normals.names))[:count])
    names = tuple(normals.names[index] for index in chosen)
    return dataclasses.replace(normals, pixels=normals.pixels[chosen], names=names)


def measure(
    normals: Normals, options: FitOptions, tests: Embeddings, defective: npt.NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Image AUROC, share of good pictures that fail, share of defective ones that pass. tests:
    of the test pictures."""
    with EngineJob(options, normals, lambda *_: None) as job:
        how = choose_augmentation(normals.pixels, options.augment)
        copies = embed_copies(job, normals.pixels, how, options.seed)
        held_out = np.zeros(len(normals.names), bool)
        scored = fit_and_score(job, options, embed_pictures(job, normals.pixels), held_out, copies)
        scores, _, _ = score_pictures(
            options.method, scored.model, tests, job.canvas, lambda _: None
        )
    failed = scores >= choose_thresholds(scored.left_out, options.rule).image
    auroc = image.auroc(scores, defective).value
    return auroc, float(failed[~defective].mean()), float((~failed[defective]).mean())


def rows(
    folder: Path, methods: Sequence[str], counts: Sequence[int], draws: int
) -> Iterator[tuple[str, int, str, npt.NDArray[np.float64]]]:
    """Method, n, augment, and the mean figures of measure with the mean seconds."""
    normals, tests = read_set(folder)
    for name in methods:
        method = make_method(name, {})
        options = FitOptions(name, method, method.find_backbone(None))
        with EngineJob(options, normals, lambda *_: None) as job:
            embeddings = embed_pictures(job, tests.pixels)
        for count in sorted({min(count, len(normals.names)) for count in counts}):
            for mode in AUGMENT if count <= MOST_PICTURES else (NONE,):
                results = []
                for seed in range(1 if count == len(normals.names) else draws):
                    started = time.perf_counter()
                    chosen = dataclasses.replace(options, augment=mode)
                    part = draw(normals, count, seed)
                    try:
                        figures = measure(part, chosen, embeddings, tests.defective)
                    except DataError:  # too few pictures for this method without copies
                        figures = (np.nan, np.nan, np.nan)
                    results.append((*figures, time.perf_counter() - started))
                yield name, count, mode, np.mean(results, axis=0)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.few_pictures", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of class folders")
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--methods", nargs="+", default=fitted_methods(), choices=fitted_methods())
    parser.add_argument("--counts", nargs="+", type=int, default=list(COUNTS))
    parser.add_argument("--draws", type=int, default=DRAWS)
    arguments = parser.parse_args(argv)
    print("| set | method | n | augment | image AUROC | false alarms | misses | s |")
    print("|---|---|---|---|---|---|---|---|")
    for name in arguments.sets:
        for method, count, mode, figures in rows(
            arguments.data / name, arguments.methods, arguments.counts, arguments.draws
        ):
            auroc, alarms, misses, seconds = figures
            print(
                f"| {name} | {method} | {count} | {mode} | {auroc:.3f} | {alarms:.0%} | "
                f"{misses:.0%} | {seconds:.1f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
