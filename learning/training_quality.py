"""Measures how well networks in training separate defective pictures from normal ones, and
describes the best networks."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from learning.graph.maps import MapCanvas, anomaly_map_numpy
from learning.metrics.image import auroc
from learning.training_data import Labelled

STRIDE: Final = 4
"""The pixel AUROC uses every fourth pixel of the map: after the published Gaussian of sigma 4 the
map has no finer detail."""

SIGMA: Final = 4.0


@dataclass(frozen=True, slots=True)
class Quality:
    """pixel_auroc: None if the defects are not drawn."""

    image_auroc: float
    pixel_auroc: float | None

    @property
    def total(self) -> float:
        """The best checkpoint has the largest total."""
        return self.image_auroc + (self.pixel_auroc or 0.0)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The best networks of a training. best_epoch: from 1. epochs: trained in all. origin: of the
    pictures that the networks were chosen on."""

    best_epoch: int
    epochs: int
    quality: Quality
    origin: str

    @property
    def summary(self) -> str:
        pixel = self.quality.pixel_auroc
        pixels = "" if pixel is None else f", pixel AUROC {pixel:.4f}"
        return (
            f"epoch {self.best_epoch} of {self.epochs}, chosen on {self.origin}: image AUROC "
            f"{self.quality.image_auroc:.4f}{pixels} there"
        )

    @property
    def facts(self) -> dict[str, Any]:
        """For the spec. Each figure states from which pictures it comes."""
        return {
            "epoch": self.best_epoch,
            "chosen_on": self.origin,
            "image_auroc_there": self.quality.image_auroc,
            "pixel_auroc_there": self.quality.pixel_auroc,
        }


def measure_quality(
    image_scores: npt.NDArray[np.floating], grids: npt.NDArray[np.float32], labelled: Labelled
) -> Quality:
    """Computes the AUROC of image scores and of the map.

    image_scores: (n,). grids: (n, h, w), scores of cells or pixels. The pixel AUROC is of the map
    at the size of the input, smoothed with SIGMA; None if it is not defined.
    """
    image = auroc(image_scores, labelled.defective).value
    if labelled.masks is None:
        return Quality(image, None)
    hw = (labelled.pixels.shape[1], labelled.pixels.shape[2])
    maps = anomaly_map_numpy({"scores": grids}, MapCanvas(hw, SIGMA))[:, ::STRIDE, ::STRIDE]
    truth = labelled.masks[:, ::STRIDE, ::STRIDE]
    pixel = auroc(maps, truth)
    return Quality(image, pixel.value if pixel.defined else None)
