"""The middle line of a long thin defect: finds, smooths and continues it."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.core.geometry import Points
from inspector.measure.smoothing import find_median, find_quantile

DEGREES: Final = (1, 2, 3, 4, 6)
"""Polynomials that are tried for the middle line."""

Floats = npt.NDArray[np.float64]


def fit_middle(points: Points, weights: Floats | None = None) -> tuple[Points, float] | None:
    """Finds the middle line of the pixels of a thin defect. points: (n, 2) pixels.

    Returns the line, ordered along it, and the width of the pixels across it. None: the pixels do
    not follow a line that goes forward all the time.
    """
    centre = points.mean(axis=0)
    centred = points - centre
    _, axes = np.linalg.eigh(centred.T @ centred)
    along, across = centred @ axes[:, 1], centred @ axes[:, 0]
    low, high = float(along.min()), float(along.max())
    bins = max(4, min(48, round((high - low) / 4)))
    place = np.minimum(((along - low) / (high - low + 1e-9) * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    filled = count > 0
    number = np.maximum(count, 1)
    middle = np.bincount(place, across, minlength=bins) / number
    away = np.bincount(place, (across - middle[place]) ** 2, minlength=bins) / number
    at = low + (np.arange(bins) + 0.5) * (high - low) / bins
    width = math.sqrt(12 * float(find_median(away[filled])))
    slope = np.abs(np.gradient(np.interp(at, at[filled], middle[filled]), at))
    if find_quantile(np.sqrt(12 * away[filled]), 0.9) > 2.5 * width + 2 + 4 * float(slope.max()):
        return None
    line = np.column_stack((at[filled], middle[filled])) @ axes[:, ::-1].T
    return line + centre, width


def straighten(line: Points, rough: float) -> Points | None:
    """The simplest polynomial that follows a line nearly as well as the best. None: no polynomial
    follows it, such as a crack."""
    centre = line.mean(axis=0)
    centred = line - centre
    _, axes = np.linalg.eigh(centred.T @ centred)
    along, across = centred @ axes[:, 1], centred @ axes[:, 0]
    if (np.diff(along) * np.sign(along[-1] - along[0]) <= 0).any():
        return None
    scale = float(np.abs(along).max())
    least: float | None = None
    for degree in (DEGREES[-1], *DEGREES):
        places = np.polynomial.Polynomial.fit(along / scale, across, degree)(along / scale)
        off = float(np.sqrt(np.mean(np.square(across - places))))
        if least is None:
            least = off
            if least > max(0.5, 0.12 * rough):
                return None
        elif off <= 1.3 * least + 0.15:
            return np.asarray(centre + np.column_stack((places, along)) @ axes.T)
    return None


def resample_line(line: Points, spacing: float) -> Points:
    steps = np.hypot(*np.diff(line, axis=0).T)
    places = np.concatenate(((0.0,), np.cumsum(steps)))
    count = max(4, round(float(places[-1]) / spacing) + 1)
    at = np.linspace(0.0, places[-1], count)
    return np.column_stack((np.interp(at, places, line[:, 0]), np.interp(at, places, line[:, 1])))


def find_line_normals(line: Points) -> Points:
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    return np.column_stack((-along[:, 1], along[:, 0]))


def extend_line(line: Points, by: tuple[float, float], hw: tuple[int, int]) -> Points:
    """Continues the line straight at both ends, as far as the frame reaches."""
    pieces = [line]
    for at_end, length in ((False, by[0]), (True, by[1])):
        end, tail = (line[-1], line) if at_end else (line[0], line[::-1])
        back = tail[-max(2, len(tail) // 4 + 1)]
        direction = end - back
        size = float(np.hypot(*direction))
        if size == 0:
            continue
        direction = direction / size
        limits = [length]
        for axis, limit in ((0, hw[1]), (1, hw[0])):
            if direction[axis] > 1e-9:
                limits.append((limit + 2 - end[axis]) / direction[axis])
            elif direction[axis] < -1e-9:
                limits.append((-2 - end[axis]) / direction[axis])
        length = max(0.0, min(limits))
        if length < 1.0:
            continue
        more = end + direction * np.linspace(1.0, length, max(2, round(length / 4)))[:, None]
        pieces = [*pieces, more] if at_end else [more[::-1], *pieces]
    return np.concatenate(pieces)


def is_outside(place: Points, hw: tuple[int, int], margin: float) -> bool:
    x, y = place.tolist()
    return not (margin < x < hw[1] - margin and margin < y < hw[0] - margin)
