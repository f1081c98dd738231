"""How well networks in training tell normal pictures from labelled ones."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image, Mask
from inspector.core.errors import DataError
from learning.graph.maps import Canvas, anomaly_map_numpy
from learning.methods.glass.training.las import Synthesis
from learning.metrics.image import auroc

SYNTHETIC: Final = "normal pictures held out and synthetic defects on them"

STRIDE: Final = 4
"""Every fourth pixel of the map takes part in the pixel AUROC: the Gaussian of the published
sigma 4 leaves nothing finer."""

SIGMA: Final = 4.0

PER_NORMAL: Final = 2
"""Synthetic defects per held-out picture."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Pictures that checkpoints are chosen on.

    pixels: (n, H, W, 3) uint8 RGB. defective: (n,). masks: (n, H, W), None where the defects are
    not drawn. origin: what the pictures are, for everything that reports a figure of them.
    """

    pixels: Image
    defective: npt.NDArray[np.bool_]
    masks: Mask | None
    origin: str

    def __post_init__(self) -> None:
        if not self.defective.any() or self.defective.all():
            raise DataError(
                f"checkpoints cannot be chosen on {self.origin}: that takes normal and defective "
                "pictures"
            )


@dataclass(frozen=True, slots=True)
class Quality:
    """pixel_auroc: None where the defects are not drawn."""

    image_auroc: float
    pixel_auroc: float | None

    @property
    def total(self) -> float:
        """What the best checkpoint has most of."""
        return self.image_auroc + (self.pixel_auroc or 0.0)


def hold_out(
    count: int, share: float, *, ordered: bool, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Indices of the pictures to train on and of those held out, at least one and at most all but
    two. ordered: frames of one stream, whose last are held out, because neighbours are nearly the
    same. Raises DataError for fewer than three pictures."""
    if count < 3:
        raise DataError(f"{count} normal pictures are too few: one is held out, two are trained on")
    held = min(max(1, round(share * count)), count - 2)
    order = np.arange(count) if ordered else np.random.default_rng(seed).permutation(count)
    return np.sort(order[:-held]), np.sort(order[-held:])


def synthetic(
    normals: Image, foregrounds: Mask | None, synthesis: Synthesis, seed: int
) -> Labelled:
    """The normal pictures (n, H, W, 3) and PER_NORMAL defects on each, the same for the same
    seed. foregrounds: (n, H, W)."""
    hw = (normals.shape[1], normals.shape[2])
    pixels, masks = [normals], [np.zeros((len(normals), *hw), bool)]
    for turn in range(PER_NORMAL):
        for index, picture in enumerate(normals):
            rng = np.random.default_rng([seed, turn, index])
            allowed = None if foregrounds is None else foregrounds[index]
            made = synthesis.defect(picture, allowed, hw, rng)
            pixels.append(made.pixels[None])
            masks.append(made.mask.pixels[None])
    defective = np.arange(len(normals) * (1 + PER_NORMAL)) >= len(normals)
    return Labelled(np.concatenate(pixels), defective, np.concatenate(masks), SYNTHETIC)


def quality(scores: npt.NDArray[np.float32], labelled: Labelled) -> Quality:
    """scores: (n, h, w). The image score is the largest raw one; pixels are judged on the smoothed
    map at the size of the input."""
    image = auroc(scores.reshape(len(scores), -1).max(axis=1), labelled.defective).value
    if labelled.masks is None:
        return Quality(image, None)
    hw = (labelled.pixels.shape[1], labelled.pixels.shape[2])
    maps = anomaly_map_numpy({"scores": scores}, Canvas(hw, SIGMA))[:, ::STRIDE, ::STRIDE]
    truth = labelled.masks[:, ::STRIDE, ::STRIDE]
    pixel = auroc(maps, truth)
    return Quality(image, pixel.value if pixel.defined else None)
