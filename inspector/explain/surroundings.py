"""Cuts a defect and its surroundings out of the frame, and separates one from the other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image, Mask
from inspector.core.geometry import Affine, Points, sample_mask
from inspector.core.types import Defect

Floats = npt.NDArray[np.float32]

MOST_PIXELS: Final = 90_000
"""A larger cut-out is scaled down."""

MARGIN_SHARE: Final = 0.5
MARGIN_PX: Final = (14.0, 80.0)
"""Margin around the box of the defect: a share of its longer side, within limits in pixels."""

GAP_PX: Final = 3.0
"""The surroundings begin this far from the outline, plus a quarter of the depth of the defect."""

LEAST_PIXELS: Final = 24
"""Without so many pixels of surroundings nothing can be compared."""

_SHIFT: Final = 4
"""Bits behind the point of the corners of polygons that OpenCV fills."""


@dataclass(frozen=True, slots=True)
class InspectedArea:
    """Where the engine inspects. box: in frame pixels (x0, y0, x1, y1). mask: of the map, True
    where it inspects; None for the whole map. to_frame: map -> frame pixels."""

    box: tuple[float, float, float, float]
    mask: Mask | None
    to_frame: Affine


@dataclass(frozen=True, slots=True)
class View:
    """A defect with its surroundings, (h, w) each.

    lab: (h, w, 3) float32 CIELAB. depth: distance of the pixel centres to the outline in frame
    pixels, positive in the defect. around: the surroundings. blocked: near other defects, or not
    inspected. octants: number of the sector of each pixel as seen from the defect, 0 to 7.
    """

    lab: Floats
    grey: Floats
    depth: Floats
    around: Mask
    blocked: Mask
    octants: npt.NDArray[np.int8]

    @property
    def inside(self) -> Mask:
        return self.depth > 0


def cut_view(
    image: Image, defect: Defect, others: Sequence[Defect], area: InspectedArea
) -> View | None:
    """image: (H, W, 3) uint8 BGR. others: defects that do not belong to the surroundings. None: the
    frame shows too little of the surroundings, or nothing of the defect."""
    x0, y0, x1, y1 = defect.box_px
    margin = min(max(MARGIN_SHARE * max(x1 - x0, y1 - y0), MARGIN_PX[0]), MARGIN_PX[1])
    left, top = max(0, math.floor(x0 - margin)), max(0, math.floor(y0 - margin))
    right = min(image.shape[1], math.ceil(x1 + margin))
    bottom = min(image.shape[0], math.ceil(y1 + margin))
    if right - left < 3 or bottom - top < 3:
        return None
    pixels = image[top:bottom, left:right]
    factor = max(1.0, math.sqrt(pixels.shape[0] * pixels.shape[1] / MOST_PIXELS))
    if factor > 1:
        size = (round(pixels.shape[1] / factor), round(pixels.shape[0] / factor))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    to_view = Affine.between(
        (bottom - top, right - left), (0, 0, pixels.shape[1], pixels.shape[0])
    ).after(Affine(1, 1, -left, -top))
    hw = (pixels.shape[0], pixels.shape[1])
    inside = _fill(defect, to_view, hw)
    depth = (_distance(inside) - _distance(~inside)) * np.float32(factor)
    if not inside.any():
        return None
    first = GAP_PX + float(depth.max()) / 4
    blocked = ~_find_inspected(area, to_view, hw)
    for other in others:
        if _overlaps(other.box_px, (left, top, right, bottom)):
            blocked |= _distance(~_fill(other, to_view, hw)) < first / factor
    around = (depth < -first) & ~blocked
    if np.count_nonzero(around) < LEAST_PIXELS:
        return None
    scaled = pixels.astype(np.float32) / np.float32(255)
    grey = cv2.cvtColor(scaled, cv2.COLOR_BGR2GRAY)
    lab = cv2.cvtColor(scaled, cv2.COLOR_BGR2LAB)
    octants = _find_octants(to_view.apply(np.array((defect.centroid_px,)))[0], hw)
    return View(np.asarray(lab), np.asarray(grey), depth, around, blocked, octants)


def _fill(defect: Defect, to_view: Affine, hw: tuple[int, int]) -> Mask:
    """The pixels whose centre is in the outline. A thin line keeps its nearest pixels."""
    mask = np.zeros(hw, np.uint8)
    outer = len(defect.polygons) - defect.holes
    corners = [_to_corners(polygon, to_view) for polygon in defect.polygons]
    for polygon in corners[:outer]:
        cv2.fillPoly(mask, [polygon], 1, shift=_SHIFT)
    for polygon in corners[outer:]:
        cv2.fillPoly(mask, [polygon], 0, shift=_SHIFT)
    return mask.astype(bool)


def _to_corners(polygon: Points, to_view: Affine) -> npt.NDArray[np.int32]:
    """OpenCV counts from the centre of the first pixel, not from its corner."""
    return np.rint((to_view.apply(polygon) - 0.5) * (1 << _SHIFT)).astype(np.int32)


def _distance(mask: Mask) -> Floats:
    """Of each pixel of the mask to the edge of the mask, in pixels; 0 outside. The border of the
    view is no edge."""
    transform = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, 5)
    return np.maximum(np.asarray(transform, np.float32) - np.float32(0.5), 0)


def _find_inspected(area: InspectedArea, to_view: Affine, hw: tuple[int, int]) -> Mask:
    if area.mask is None:
        return np.ones(hw, bool)
    return sample_mask(area.mask, area.to_frame.inverse().after(to_view.inverse()), hw)


def _find_octants(centre: npt.NDArray[Any], hw: tuple[int, int]) -> npt.NDArray[np.int8]:
    rows, columns = np.ogrid[: hw[0], : hw[1]]
    angle = np.arctan2(rows + 0.5 - centre[1], columns + 0.5 - centre[0])
    return (np.floor((angle + np.pi) * (4 / np.pi)).astype(np.int8)) % 8


def _overlaps(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
