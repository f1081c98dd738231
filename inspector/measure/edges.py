"""Finds the edge of a defect: the half-way level, corrected for the smoothing of thin defects."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from inspector.core.arrays import Mask
from inspector.measure.smoothing import Float32Array, blur, grow_mask

ROUNDS: Final = 5
"""Largest number of rounds of level and mask. For a wide defect they agree after two or three."""

MAX_HALF_WIDTHS: Final = 1.2
"""Largest distance of a long defect's pixels from its middle line, in half widths. The half width
is twice the median of these distances, at most the radius of the largest inscribed disc."""

MIDDLE_DEGREE: Final = 4
LEAST_MIDDLE_PX: Final = 12.0
"""Least length, in pixels, for which a middle line is fitted."""

MIDDLE_SHARE: Final = 0.6
"""Least share of a mask near its middle line. Below it the line is not used."""

_CROSS: Final = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Edge:
    """mask: pixels of the defect. level: contrast at its edge. amplitude: contrast of the defect
    before smoothing. level is half of amplitude for wide defects, and more for thin defects."""

    mask: Mask
    level: float
    amplitude: float


def find_edge(
    contrast: Float32Array, sigma: float, core: Mask, support: Mask, start: Mask | None = None
) -> Edge | None:
    """Finds the part of the support that touches the core and explains the contrast best.

    A smoothed edge lies at half the defect's amplitude only if the defect is much wider than the
    smoothing. So the mask is smoothed with the same sigma. Its least-squares fit to the contrast
    gives the amplitude, and its value along its edge gives the level. Level and mask are computed
    alternately until they agree. Returns None if no pixel is left.
    """
    if start is None:
        inside = core & support
        peak = float(contrast[inside].max()) if inside.any() else 0.0
        if peak <= 0:
            return None
        start = keep_touching((contrast >= 0.5 * peak) & support, core)
    mask = start
    edge: Edge | None = None
    for _ in range(ROUNDS):
        if not mask.any():
            return edge
        level, amplitude = _fit_level(contrast, sigma, mask)
        if not (amplitude > 0 and level > 0):
            return edge
        edge = Edge(mask, level, amplitude)
        new = keep_touching((contrast >= level) & support, core)
        if np.array_equal(new, mask):
            return edge
        mask = new
    return edge


def _fit_level(contrast: Float32Array, sigma: float, mask: Mask) -> tuple[float, float]:
    pixels = mask.astype(np.uint8)
    model = blur(mask.astype(np.float32), sigma)
    wide = cv2.dilate(pixels, _CROSS).astype(bool)
    outer = wide & ~mask
    inner = mask & ~cv2.erode(pixels, _CROSS, borderValue=1).astype(bool)
    amplitude = float(contrast[wide] @ model[wide] / (model[wide] @ model[wide]))
    if not (outer.any() and inner.any()):
        return 0.5 * amplitude, amplitude
    at_edge = 0.5 * (float(model[outer].mean()) + float(model[inner].mean()))
    return amplitude * at_edge, amplitude


def keep_touching(mask: Mask, seed: Mask) -> Mask:
    """Keeps the connected parts of a mask that share a pixel with the seed."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    keep = np.zeros(count, dtype=bool)
    keep[np.unique(labels[seed & mask])] = True
    keep[0] = False
    return np.asarray(keep[labels])


def smooth_mask(mask: Mask, share: float) -> Mask:
    """Removes thin threads from the mask by an opening with a disc.

    The radius of the disc is `share` of the radius of the largest inscribed disc, times the
    roundness of the mask (0 to 1). So long and pointed defects keep their ends.
    """
    radius = inscribed_radius(mask)
    points = np.argwhere(mask).astype(np.float32)
    _, enclosing = cv2.minEnclosingCircle(points)
    disc = share * radius * min(1.0, radius / max(enclosing, 1.0))
    if disc < 1.0:
        return mask
    padded = np.pad(mask, 1)
    inside = cv2.distanceTransform(padded.astype(np.uint8), cv2.DIST_L2, 5)
    return mask & grow_mask(inside > disc, disc)[1:-1, 1:-1]


def trim_mask(mask: Mask) -> Mask:
    """Removes the parts of a long mask that are far from its middle line.

    The line is a polynomial along the longest direction of the mask. A mask that does not follow
    such a line is returned unchanged.
    """
    rows, columns = np.nonzero(mask)
    points = np.column_stack((columns, rows)).astype(np.float64)
    centred = points - points.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    along, across = centred @ axes[:, 1], centred @ axes[:, 0]
    # A few scattered pixels can be far apart, but are too few for a line.
    if np.ptp(along) < LEAST_MIDDLE_PX or len(points) < LEAST_MIDDLE_PX:
        return mask
    place = along / float(np.abs(along).max())
    widest = MAX_HALF_WIDTHS * inscribed_radius(mask)
    keep = np.ones(len(points), dtype=bool)
    for _ in range(2):
        line = np.polynomial.Polynomial.fit(place[keep], across[keep], MIDDLE_DEGREE)
        away = np.abs(across - line(place))
        keep = away <= min(widest, MAX_HALF_WIDTHS * 2 * float(np.median(away[keep]))) + 0.5
        if keep.sum() < MIDDLE_SHARE * len(points):
            return mask
    out = np.zeros_like(mask)
    out[rows[keep], columns[keep]] = True
    return out


def inscribed_radius(mask: Mask) -> float:
    """Radius of the largest disc within the mask, in pixels."""
    padded = np.pad(mask.astype(np.uint8), 1)
    return float(cv2.distanceTransform(padded, cv2.DIST_L2, 5).max())
