"""Where a defect ends: the half-way level, corrected for what smoothing does to thin things."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from inspector.core.arrays import Mask
from inspector.measure.smoothing import Floats, blur, grown

ROUNDS: Final = 5
"""Most rounds of level and mask; they agree after two or three where the defect is wide."""

SIDE: Final = 1.2
"""A long defect lies within so many half widths of its middle line. The half width is twice the
median distance of its pixels from that line, at most the radius of the largest inscribed disc."""

MIDDLE_DEGREE: Final = 4
LEAST_MIDDLE_PX: Final = 12.0
"""Length from where such a line is worth fitting."""

MIDDLE_SHARE: Final = 0.6
"""Least part of a mask near its middle line for that line to be believed."""

_CROSS: Final = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Edge:
    """mask: pixels of the defect. level: contrast at its edge. amplitude: contrast of the defect
    before smoothing, so level is half of it for wide defects and more for thin ones."""

    mask: Mask
    level: float
    amplitude: float


def find_edge(
    contrast: Floats, sigma: float, core: Mask, support: Mask, start: Mask | None = None
) -> Edge | None:
    """The part of the support, connected with the core, that explains the contrast best.

    A smoothed edge lies at half the defect's amplitude only where the defect is much wider than
    the smoothing. So the mask itself is smoothed with the same sigma: its least-squares fit to the
    contrast gives the amplitude, and its value along its own edge the level; both in turn until
    they agree. None where nothing is left.
    """
    if start is None:
        inside = core & support
        peak = float(contrast[inside].max()) if inside.any() else 0.0
        if peak <= 0:
            return None
        start = touching((contrast >= 0.5 * peak) & support, core)
    mask = start
    edge: Edge | None = None
    for _ in range(ROUNDS):
        if not mask.any():
            return edge
        level, amplitude = _level(contrast, sigma, mask)
        if not (amplitude > 0 and level > 0):
            return edge
        edge = Edge(mask, level, amplitude)
        new = touching((contrast >= level) & support, core)
        if np.array_equal(new, mask):
            return edge
        mask = new
    return edge


def _level(contrast: Floats, sigma: float, mask: Mask) -> tuple[float, float]:
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


def touching(mask: Mask, seed: Mask) -> Mask:
    """The connected parts of a mask that share a pixel with the seed."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    keep = np.zeros(count, dtype=bool)
    keep[np.unique(labels[seed & mask])] = True
    keep[0] = False
    return np.asarray(keep[labels])


def smoothed(mask: Mask, share: float) -> Mask:
    """The mask without the threads that hang on it: opened by a disc.

    The disc's radius is that share of the largest inscribed one, times how round the mask is, so
    that long and pointed defects keep their ends.
    """
    radius = inscribed_radius(mask)
    points = np.argwhere(mask).astype(np.float32)
    _, enclosing = cv2.minEnclosingCircle(points)
    disc = share * radius * min(1.0, radius / max(enclosing, 1.0))
    if disc < 1.0:
        return mask
    padded = np.pad(mask, 1)
    inside = cv2.distanceTransform(padded.astype(np.uint8), cv2.DIST_L2, 5)
    return mask & grown(inside > disc, disc)[1:-1, 1:-1]


def trimmed(mask: Mask) -> Mask:
    """A long mask without what sticks out sideways from its middle line, a polynomial along its
    longest direction; the mask itself where such a line does not follow it."""
    rows, columns = np.nonzero(mask)
    points = np.column_stack((columns, rows)).astype(np.float64)
    centred = points - points.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    along, across = centred @ axes[:, 1], centred @ axes[:, 0]
    # Pixels apart from each other can reach far, and be too few for a line.
    if np.ptp(along) < LEAST_MIDDLE_PX or len(points) < LEAST_MIDDLE_PX:
        return mask
    place = along / float(np.abs(along).max())
    widest = SIDE * inscribed_radius(mask)
    keep = np.ones(len(points), dtype=bool)
    for _ in range(2):
        line = np.polynomial.Polynomial.fit(place[keep], across[keep], MIDDLE_DEGREE)
        away = np.abs(across - line(place))
        keep = away <= min(widest, SIDE * 2 * float(np.median(away[keep]))) + 0.5
        if keep.sum() < MIDDLE_SHARE * len(points):
            return mask
    out = np.zeros_like(mask)
    out[rows[keep], columns[keep]] = True
    return out


def inscribed_radius(mask: Mask) -> float:
    """Of the largest disc within the mask, in pixels."""
    padded = np.pad(mask.astype(np.uint8), 1)
    return float(cv2.distanceTransform(padded, cv2.DIST_L2, 5).max())
