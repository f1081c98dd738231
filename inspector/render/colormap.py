"""Maps scores in the engine's display range to heat colours: dark blue, red, pale yellow.

The colours are interpolated in OKLab (B. Ottosson, "A perceptual color space for image
processing", 2020), so lightness rises with the score. The position on the scale is the square root
of the position in the range: weak scores, between the usual level of good pictures and the
threshold, get most of the colours. With a high threshold, a weak defect is still visible.
"""

import math
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image, Map

Floats = npt.NDArray[np.float64]

_ANCHORS: Final[tuple[tuple[float, tuple[int, int, int]], ...]] = (
    (0.00, (8, 18, 59)),
    (0.25, (31, 63, 143)),
    (0.45, (123, 45, 139)),
    (0.62, (214, 51, 63)),
    (0.80, (255, 140, 26)),
    (1.00, (255, 243, 160)),
)
"""Position on the scale and sRGB colour."""

_TO_LMS: Final = np.array(
    (
        (0.4122214708, 0.5363325363, 0.0514459929),
        (0.2119034982, 0.6806995451, 0.1073969566),
        (0.0883024619, 0.2817188376, 0.6299787005),
    )
)
_TO_LAB: Final = np.array(
    (
        (0.2104542553, 0.7936177850, -0.0040720468),
        (1.9779984951, -2.4285922050, 0.4505937099),
        (0.0259040371, 0.7827717662, -0.8086757660),
    )
)


@cache
def heat_bgr() -> Image:
    """(256, 3) uint8 BGR, coldest first."""
    positions = np.array([position for position, _ in _ANCHORS])
    lab = oklab(np.array([colour for _, colour in _ANCHORS], dtype=np.float64))
    steps = np.linspace(0, 1, 256)
    mixed = np.stack([np.interp(steps, positions, lab[:, i]) for i in range(3)], axis=1)
    lms = (mixed @ np.linalg.inv(_TO_LAB).T) ** 3
    linear = np.clip(lms @ np.linalg.inv(_TO_LMS).T, 0, 1)
    rgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    bgr = np.ascontiguousarray(np.rint(rgb * 255).astype(np.uint8)[:, ::-1])
    bgr.flags.writeable = False
    return bgr


def oklab(rgb: Floats) -> Floats:
    """(n, 3) sRGB of 0 to 255 -> (n, 3) OKLab: lightness 0 to 1, then two colour axes."""
    unit = rgb / 255
    linear = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)
    lms: Floats = np.cbrt(linear @ _TO_LMS.T)
    return lms @ _TO_LAB.T


def score_levels(anomaly_map: Map, display_range: tuple[float, float]) -> Image:
    """(h, w) scores -> (h, w) uint8 positions on the colour scale. Scores outside are clipped."""
    low, high = display_range
    scaled = (anomaly_map - np.float32(low)) * np.float32(1 / (high - low))
    np.sqrt(np.clip(scaled, 0, 1, out=scaled), out=scaled)
    scaled *= 255
    return np.rint(scaled, out=scaled).astype(np.uint8)


def scale_position(value: float, display_range: tuple[float, float]) -> float:
    """Position of a score on the colour scale, clipped to 0..1."""
    low, high = display_range
    return math.sqrt(min(max((value - low) / (high - low), 0.0), 1.0))
