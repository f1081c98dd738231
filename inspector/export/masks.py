"""Draws the outlines of defects as masks."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from inspector.core.geometry import Points
from inspector.measure.contours import paint

_PARTS: Final = 8
"""Parts of a pixel: the outline is drawn so much larger, because OpenCV fills every pixel that an
outline touches, which would make each defect a pixel wider."""


def outlines(defect: dict[str, Any]) -> tuple[Points, ...]:
    """Outlines of a defect of the log, then its holes, each (n, 2) float64 in px; the corner of the
    first pixel is (0, 0)."""
    return tuple(np.array(polygon, np.float64) for polygon in defect["polygons"])


def draw_mask(polygons: Sequence[Points], hw: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """(h, w) uint8: 1 in pixels whose centre is inside an odd number of the polygons, else 0. If
    there is no such pixel, the nearest ones to the outline."""
    mask = np.zeros(hw, np.uint8)
    corners = np.concatenate(polygons)
    x0, y0 = np.clip(np.floor(corners.min(axis=0)), 0, hw[::-1]).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(corners.max(axis=0)), 0, hw[::-1]).astype(int).tolist()
    if x0 < x1 and y0 < y1:
        large = tuple((polygon - (x0, y0)) * _PARTS for polygon in polygons)
        painted = paint(large, (0, 0, (x1 - x0) * _PARTS, (y1 - y0) * _PARTS))
        mask[y0:y1, x0:x1] = painted[_PARTS // 2 :: _PARTS, _PARTS // 2 :: _PARTS]
    return mask if mask.any() else paint(tuple(polygons), (0, 0, hw[1], hw[0]))
