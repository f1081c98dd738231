"""The pictures of each training step, prepared while the step before it runs."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image, Mask
from learning.backbones.features import FeatureExtractor
from learning.methods.glass.training.las import Synthesis

DEFECTS, NOISE, ORDER = 1, 2, 3
"""Purposes of generators. The purpose is part of the seed."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """pixels: (n, H, W, 3) uint8 RGB, normal pictures. foregrounds: (n, H, W), where defects may
    be drawn; None is everywhere. synthesis: what they are made of."""

    pixels: Image
    foregrounds: Mask | None
    synthesis: Synthesis


@dataclass(frozen=True, slots=True)
class Batch:
    """pictures: indices of the normal ones. pixels: (n, H, W, 3) uint8 RGB, the same with defects.
    cells: (n, h, w), where the defects are. features: of `pixels`, (n, C, h, w) per layer."""

    pictures: Indices
    pixels: Image
    cells: Mask
    features: tuple[npt.NDArray[np.float32], ...]


def generator(seed: int, purpose: int, *at: int) -> np.random.Generator:
    """at: epoch, then picture or step. Each has its own generator, so a training that is resumed
    after an epoch needs only the number of that epoch to draw the same."""
    return np.random.default_rng([seed, purpose, *at])


def order(count: int, *, size: int, limit: int, seed: int, epoch: int) -> list[Indices]:
    """Pictures of each step of an epoch, which ends once more than `limit` were seen."""
    shuffled = generator(seed, ORDER, epoch).permutation(count)
    parts = [shuffled[start : start + size] for start in range(0, count, size)]
    return parts[: limit // size + 1]


def batches(
    normals: TrainingSet,
    extractor: FeatureExtractor,
    grid_hw: tuple[int, int],
    steps: list[Indices],
    *,
    seed: int,
    epoch: int,
) -> Iterator[Batch]:
    """One batch per step. It is made in another thread while the step before it runs."""

    def make_batch(pictures: Indices) -> Batch:
        defects = []
        for index in map(int, pictures):
            allowed = None if normals.foregrounds is None else normals.foregrounds[index]
            rng = generator(seed, DEFECTS, epoch, index)
            defects.append(normals.synthesis.defect(normals.pixels[index], allowed, grid_hw, rng))
        pixels = np.stack([defect.pixels for defect in defects])
        cells = np.stack([defect.mask.cells for defect in defects])
        return Batch(pictures, pixels, cells, tuple(extractor.extract(pixels).values()))

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(make_batch, steps[0])
        for following in steps[1:]:
            batch, coming = coming.result(), pool.submit(make_batch, following)
            yield batch
        yield coming.result()
