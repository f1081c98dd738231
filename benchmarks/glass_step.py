"""Times a GLASS training step in its literal and in its fast form.

python -m benchmarks.glass_step compares tests/support/literal_glass.py with the program. The
literal form runs the backbone on both pictures, unfolds and pools patches, and takes 21 forward
passes and autograd. The losses of both forms are equal.
"""

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from learning.backbones.features import FeatureExtractor
from learning.backbones.zoo import DEFAULT, resolve
from learning.graph.patch_embedding import PatchEmbedding
from learning.methods.glass.training.features import Embedder
from learning.methods.glass.training.networks import GlassNetworks
from learning.methods.glass.training.step import PatchRows, StepSettings, descend, losses

BATCH = 8
NOISE = 0.015
PUBLISHED = ((512, 36), (1024, 18))
"""Channels and sides of WideResNet50's two layers at 288 px."""


def load_literal_form() -> ModuleType:
    path = Path(__file__).parents[1] / "tests" / "support" / "literal_glass.py"
    spec = importlib.util.spec_from_file_location("literal_glass", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_rows(true: torch.Tensor, defective: torch.Tensor) -> PatchRows:
    """Rows of which one in ten has a defect."""
    chance = torch.Generator().manual_seed(0)
    noise = NOISE * torch.randn(true.shape, generator=chance)
    defects = (torch.rand(len(true), generator=chance) < 0.1).float()
    return PatchRows(true, defective, noise, defects, None)


def time_action(action: Callable[[], float]) -> tuple[float, float, float]:
    """(ms, ms of CPU time, total loss)."""
    start, work = time.perf_counter(), time.process_time()
    loss = action()
    return 1e3 * (time.perf_counter() - start), 1e3 * (time.process_time() - work), loss


def compare(
    literal: Callable[[], float], program: Callable[[], float], repeats: int
) -> dict[str, float]:
    """Medians over pairs. The forms alternate, so that other programs slow both equally."""
    literal(), program()
    pairs = [(time_action(literal), time_action(program)) for _ in range(repeats)]
    for (_, _, slow), (_, _, fast) in pairs:
        if not np.isclose(slow, fast, rtol=1e-4):
            raise SystemExit(f"the losses of the two forms differ: {slow} and {fast}")

    def middle(values: list[float]) -> float:
        return round(statistics.median(values), 2)

    return {
        "literal_ms": middle([slow[0] for slow, _ in pairs]),
        "ours_ms": middle([fast[0] for _, fast in pairs]),
        "ratio": middle([slow[0] / fast[0] for slow, fast in pairs]),
        "literal_cpu_ms": middle([slow[1] for slow, _ in pairs]),
        "ours_cpu_ms": middle([fast[1] for _, fast in pairs]),
        "cpu_ratio": middle([slow[1] / fast[1] for slow, fast in pairs]),
    }


def lite(side: int, repeats: int, threads: int) -> dict[str, float]:
    """A complete step on EfficientNet-Lite0, from pictures to the optimisers.

    The program has cached the patch vectors of the normal pictures, as after the first epoch.
    """
    form = load_literal_form()
    rng = np.random.default_rng(0)
    normal = rng.integers(0, 256, (BATCH, side, side, 3)).astype(np.uint8)
    defective = normal // 2 + 40
    dims, hidden = 152, 101
    with FeatureExtractor(resolve(DEFAULT), layers=None, threads=threads) as extractor:
        channels = [extractor.info.output(layer).channels for layer in extractor.layers]
        embedder = Embedder(extractor, PatchEmbedding.pooled(channels, dims, dims))
        cached = embedder.rows(normal).flatten(0, 1)
        slow, fast = GlassNetworks(dims, hidden), GlassNetworks(dims, hidden)

        def run_literal() -> float:
            both = []
            for pixels in (normal, defective):
                features = [torch.from_numpy(f) for f in extractor.extract(pixels).values()]
                both.append(form.embed(features, dims, dims))
            *parts, _ = form.losses(slow, make_rows(*both), StepSettings())
            descend(slow, sum(parts))
            return float(sum(parts).detach())

        def run_fast() -> float:
            rows = make_rows(cached, embedder.rows(defective).flatten(0, 1))
            loss = losses(fast, rows, StepSettings())
            descend(fast, loss.total)
            return float(loss.total.detach())

        return compare(run_literal, run_fast, repeats)


def published(batch: int, repeats: int) -> dict[str, float]:
    """A step at the sizes of WideResNet50 at 288 px, on random features, without the backbone."""
    form = load_literal_form()
    chance = torch.Generator().manual_seed(0)
    features = [
        [0.3 * torch.randn(batch, c, side, side, generator=chance).abs() for c, side in PUBLISHED]
        for _ in range(2)
    ]
    embedder = Embedder(None, PatchEmbedding.pooled([c for c, _ in PUBLISHED], 1536, 1536))
    cached = embedder.embed(features[0]).flatten(0, 1)
    slow, fast = GlassNetworks(1536, 1024), GlassNetworks(1536, 1024)

    def run_literal() -> float:
        both = [form.embed(each, 1536, 1536) for each in features]
        *parts, _ = form.losses(slow, make_rows(*both), StepSettings())
        descend(slow, sum(parts))
        return float(sum(parts).detach())

    def run_fast() -> float:
        rows = make_rows(cached, embedder.embed(features[1]).flatten(0, 1))
        loss = losses(fast, rows, StepSettings())
        descend(fast, loss.total)
        return float(loss.total.detach())

    return compare(run_literal, run_fast, repeats)


def main(argv: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.glass_step", description=__doc__)
    parser.add_argument("--side", type=int, default=256, help="side of the pictures for Lite0, px")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--published-batch", type=int, default=1, help="0: without them")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    name = f"Lite0 at {arguments.side} px, batch {BATCH}, 152/101"
    figures = {name: lite(arguments.side, arguments.repeats, arguments.threads)}
    if arguments.published_batch:
        name = f"WideResNet50 sizes at 288 px, batch {arguments.published_batch}, 1536/1024"
        figures[name] = published(arguments.published_batch, arguments.repeats)
    for name, row in figures.items():
        print(
            f"{name}: literal {row['literal_ms']:.0f} ms, fast {row['ours_ms']:.0f} ms per "
            f"step, {row['ratio']:.1f} times faster; CPU time {row['cpu_ratio']:.1f} times less"
        )
    return figures


if __name__ == "__main__":
    print(json.dumps({"glass_step": main()}))
