"""Measures how well networks in training separate defective pictures from normal ones."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image, Mask
from learning.graph.maps import MapCanvas, anomaly_map_numpy
from learning.methods.glass.training.las import Synthesis
from learning.metrics.image import auroc
from learning.training_data import Labelled

SYNTHETIC: Final = "good pictures held out and synthetic defects on them"

STRIDE: Final = 4
"""The pixel AUROC uses every fourth pixel of the map: after the published Gaussian of sigma 4 the
map has no finer detail."""

SIGMA: Final = 4.0

PER_NORMAL: Final = 2
"""Synthetic defects per held-out picture."""


@dataclass(frozen=True, slots=True)
class Quality:
    """pixel_auroc: None if the defects are not drawn."""

    image_auroc: float
    pixel_auroc: float | None

    @property
    def total(self) -> float:
        """The best checkpoint has the largest total."""
        return self.image_auroc + (self.pixel_auroc or 0.0)


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
            sample = synthesis.defect(picture, allowed, hw, rng)
            pixels.append(sample.pixels[None])
            masks.append(sample.mask.pixels[None])
    defective = np.arange(len(normals) * (1 + PER_NORMAL)) >= len(normals)
    return Labelled(np.concatenate(pixels), defective, np.concatenate(masks), SYNTHETIC)


def quality(scores: npt.NDArray[np.float32], labelled: Labelled) -> Quality:
    """scores: (n, h, w). The image score is the largest raw one; the pixel score is of the
    smoothed map at the size of the input."""
    image = auroc(scores.reshape(len(scores), -1).max(axis=1), labelled.defective).value
    if labelled.masks is None:
        return Quality(image, None)
    hw = (labelled.pixels.shape[1], labelled.pixels.shape[2])
    maps = anomaly_map_numpy({"scores": scores}, MapCanvas(hw, SIGMA))[:, ::STRIDE, ::STRIDE]
    truth = labelled.masks[:, ::STRIDE, ::STRIDE]
    pixel = auroc(maps, truth)
    return Quality(image, pixel.value if pixel.defined else None)
