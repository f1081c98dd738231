"""What one GLASS training step costs, literally and as it is done: python -m benchmarks.glass_step

Literal is what tests/support/literal_glass.py computes: both pictures through the backbone,
patches unfolded and pooled, 21 forward passes and autograd. Both forms end with the same losses.
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
from learning.methods.glass.training.step import Rows, StepSettings, descend, losses

BATCH = 8
NOISE = 0.015
PUBLISHED = ((512, 36), (1024, 18))
"""Channels and sides of WideResNet50's two layers at 288 px."""


def literal_form() -> ModuleType:
    path = Path(__file__).parents[1] / "tests" / "training_glass" / "literal_glass.py"
    spec = importlib.util.spec_from_file_location("literal_glass", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows_of(true: torch.Tensor, defective: torch.Tensor) -> Rows:
    """One patch in ten with a defect."""
    chance = torch.Generator().manual_seed(0)
    noise = NOISE * torch.randn(true.shape, generator=chance)
    defects = (torch.rand(len(true), generator=chance) < 0.1).float()
    return Rows(true, defective, noise, defects, None)


def timed(action: Callable[[], float]) -> tuple[float, float, float]:
    """(ms, ms of processor time, total loss)."""
    start, work = time.perf_counter(), time.process_time()
    loss = action()
    return 1e3 * (time.perf_counter() - start), 1e3 * (time.process_time() - work), loss


def compare(
    literal: Callable[[], float], ours: Callable[[], float], repeats: int
) -> dict[str, float]:
    """Medians; both forms in turn, so that both meet the same load. The ratios are of each pair."""
    literal(), ours()
    pairs = [(timed(literal), timed(ours)) for _ in range(repeats)]
    for (_, _, one), (_, _, other) in pairs:
        if not np.isclose(one, other, rtol=1e-4):
            raise SystemExit(f"the two forms differ: {one} and {other}")

    def middle(values: list[float]) -> float:
        return round(statistics.median(values), 2)

    return {
        "literal_ms": middle([one[0] for one, _ in pairs]),
        "ours_ms": middle([other[0] for _, other in pairs]),
        "ratio": middle([one[0] / other[0] for one, other in pairs]),
        "literal_cpu_ms": middle([one[1] for one, _ in pairs]),
        "ours_cpu_ms": middle([other[1] for _, other in pairs]),
        "cpu_ratio": middle([one[1] / other[1] for one, other in pairs]),
    }


def lite(side: int, repeats: int, threads: int) -> dict[str, float]:
    """A whole step on EfficientNet-Lite0, from pictures to the optimisers. Ours has the normal
    pictures' patch vectors at hand, as from the second epoch on."""
    form = literal_form()
    rng = np.random.default_rng(0)
    normal = rng.integers(0, 256, (BATCH, side, side, 3)).astype(np.uint8)
    defective = normal // 2 + 40
    dims, hidden = 152, 101
    with FeatureExtractor(resolve(DEFAULT), layers=None, threads=threads) as extractor:
        channels = [extractor.info.output(layer).channels for layer in extractor.layers]
        embedder = Embedder(extractor, PatchEmbedding.pooled(channels, dims, dims))
        cached = embedder.rows(normal).flatten(0, 1)
        slow, fast = GlassNetworks(dims, hidden), GlassNetworks(dims, hidden)

        def literally() -> float:
            both = []
            for pixels in (normal, defective):
                features = [torch.from_numpy(f) for f in extractor.extract(pixels).values()]
                both.append(form.embed(features, dims, dims))
            *found, _ = form.losses(slow, rows_of(*both), StepSettings())
            descend(slow, sum(found))
            return float(sum(found).detach())

        def quickly() -> float:
            rows = rows_of(cached, embedder.rows(defective).flatten(0, 1))
            found = losses(fast, rows, StepSettings())
            descend(fast, found.total)
            return float(found.total.detach())

        return compare(literally, quickly, repeats)


def published(batch: int, repeats: int) -> dict[str, float]:
    """Sizes of WideResNet50 at 288 px, from random features on: the backbone is left out."""
    form = literal_form()
    chance = torch.Generator().manual_seed(0)
    made = [
        [0.3 * torch.randn(batch, c, side, side, generator=chance).abs() for c, side in PUBLISHED]
        for _ in range(2)
    ]
    embedder = Embedder(None, PatchEmbedding.pooled([c for c, _ in PUBLISHED], 1536, 1536))
    cached = embedder.embed(made[0]).flatten(0, 1)
    slow, fast = GlassNetworks(1536, 1024), GlassNetworks(1536, 1024)

    def literally() -> float:
        both = [form.embed(features, 1536, 1536) for features in made]
        *found, _ = form.losses(slow, rows_of(*both), StepSettings())
        descend(slow, sum(found))
        return float(sum(found).detach())

    def quickly() -> float:
        rows = rows_of(cached, embedder.embed(made[1]).flatten(0, 1))
        found = losses(fast, rows, StepSettings())
        descend(fast, found.total)
        return float(found.total.detach())

    return compare(literally, quickly, repeats)


def main(argv: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.glass_step", description=__doc__)
    parser.add_argument("--side", type=int, default=256, help="of the pictures for Lite0, px")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--published-batch", type=int, default=1, help="0 leaves that out")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    name = f"Lite0 at {arguments.side} px, batch {BATCH}, 152/101"
    figures = {name: lite(arguments.side, arguments.repeats, arguments.threads)}
    if arguments.published_batch:
        name = f"WideResNet50 sizes at 288 px, batch {arguments.published_batch}, 1536/1024"
        figures[name] = published(arguments.published_batch, arguments.repeats)
    for name, found in figures.items():
        print(
            f"{name}: literal {found['literal_ms']:.0f} ms, ours {found['ours_ms']:.0f} ms per "
            f"step, {found['ratio']:.1f} times; processor time {found['cpu_ratio']:.1f} times"
        )
    return figures


if __name__ == "__main__":
    print(json.dumps({"glass_step": main()}))
