"""Computes with the vertices of a closed outline: distances, averages, normals."""

import math
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.geometry import Points
from inspector.measure.smoothing import Float32Array, find_median

MAX_VERTICES: Final = 360
MIN_VERTICES: Final = 24
"""Limits of the number of vertices."""

Floats = npt.NDArray[np.float64]


def resample(polygon: Points, spacing: float) -> Points:
    """Vertices at equal distances along a closed polygon."""
    closed = np.concatenate((polygon, polygon[:1]))
    steps = np.hypot(*np.diff(closed, axis=0).T)
    places = np.concatenate(((0.0,), np.cumsum(steps)))
    total = float(places[-1])
    count = min(max(MIN_VERTICES, round(total / spacing)), MAX_VERTICES)
    at = np.arange(count) * (total / count)
    return np.column_stack(
        (np.interp(at, places, closed[:, 0]), np.interp(at, places, closed[:, 1]))
    )


def smooth_along(values: npt.NDArray[np.floating], sigma: float) -> Float32Array:
    """Averages (n, k) along a closed outline with a Gaussian. sigma: in vertices."""
    table = np.asarray(values, dtype=np.float32)
    if sigma < 0.3:
        return table
    reach = min(max(1, math.ceil(2.5 * sigma)), len(table))
    padded = np.concatenate((table[-reach:], table, table[:reach]))
    size = (1, 2 * reach + 1)
    blurred = cv2.GaussianBlur(padded.reshape(len(padded), -1), size, 0.01, sigmaY=sigma)
    return np.asarray(blurred[reach:-reach].reshape(table.shape))


def find_normals(points: Points, sigma: float) -> Points:
    """Unit normals that point out of the defect. sigma: smoothing in vertices."""
    smooth = smooth_along(points - points.mean(axis=0), sigma).astype(np.float64)
    closed = np.concatenate((smooth[-1:], smooth, smooth[:1]))
    along = closed[2:] - closed[:-2]
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    return np.column_stack((along[:, 1], -along[:, 0]))


def despike(values: Floats, window: int) -> Floats:
    """Replaces each value that differs much from the median of its neighbours along a closed
    outline by that median. window: number of neighbours, odd."""
    half = window // 2
    padded = np.concatenate((values[-half:], values, values[:half]))
    steps = np.arange(0, window, max(1, window // 9))
    median = find_median(padded[np.arange(len(values))[:, None] + steps])
    off = np.abs(values - median)
    usual = 3 * float(find_median(off)) + 0.3
    return np.asarray(np.where(off <= usual, values, median), dtype=np.float64)
