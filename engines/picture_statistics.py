"""Measures brightness, contrast and sharpness of pictures at the engine's input."""

from collections.abc import Iterable, Sequence
from typing import Final

import cv2
import numpy as np

from engines.spec_fields import QUANTILES, PictureFigure, PictureStatistics
from inspector.core.arrays import Image, Mask

FIGURES: Final = ("brightness", "contrast", "sharpness")
"""Names in the spec, of values in grey levels."""


def measure_picture(pixels: Image, inside: Mask | None = None) -> dict[str, float]:
    """Every figure of FIGURES of one picture, in grey levels.

    pixels: (H, W, 3) uint8 RGB as the engine takes it. inside: (H, W), the inspected pixels; None
    is all. Grey is ITU-R BT.601 luma, 0 to 255. brightness: its mean. contrast: its standard
    deviation. sharpness: standard deviation of its Laplacian over 4 neighbours (Pech-Pacheco et
    al., "Diatom autofocusing in brightfield microscopy", ICPR 2000, uses its square).
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    laplacian = cv2.Laplacian(grey, cv2.CV_32F, ksize=1)
    if inside is not None:
        grey, laplacian = grey[inside], laplacian[inside]
    values = (np.mean(grey), np.std(grey), np.std(laplacian, dtype=np.float64))
    return dict(zip(FIGURES, map(float, values), strict=True))


def summarise_pictures(pictures: Iterable[Image], inside: Mask | None = None) -> PictureStatistics:
    """Statistics of at least one good picture, without limits; see measure_picture."""
    measured = [measure_picture(pixels, inside) for pixels in pictures]
    figures = (_distribution(name, [row[name] for row in measured]) for name in FIGURES)
    return PictureStatistics(len(measured), tuple(figures))


def _distribution(name: str, values: Sequence[float]) -> PictureFigure:
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    # Sorted, because interpolation between equal values may fall by its last bit.
    quantiles = np.sort(np.quantile(values, QUANTILES))
    return PictureFigure(name, float(np.mean(values)), spread, tuple(map(float, quantiles)))
