"""The pictures of each training step, prepared while the step before it runs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image, Mask
from learning.ahead import compute_ahead
from learning.backbones.features import FeatureExtractor
from learning.methods.glass.training.las import Synthesis
from learning.training_order import Indices, make_generator

DEFECTS, NOISE = 1, 2
"""Purposes of generators, see learning.training_order."""


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
            rng = make_generator(seed, DEFECTS, epoch, index)
            defects.append(normals.synthesis.defect(normals.pixels[index], allowed, grid_hw, rng))
        pixels = np.stack([defect.pixels for defect in defects])
        cells = np.stack([defect.mask.cells for defect in defects])
        return Batch(pictures, pixels, cells, tuple(extractor.extract(pixels).values()))

    return (batch for _, batch in compute_ahead(make_batch, steps, "batches"))
