"""Reads the picture in a straight strip along a line."""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.geometry import Points
from inspector.measure.middle_line import find_line_normals, resample_line
from inspector.measure.profiles import Source
from inspector.measure.smoothing import Float32Array

MAX_ROWS: Final = 400
"""Most profiles across the line."""

SIDE_SHARE: Final = 0.6
"""Beyond this share of the reach a profile shows the texture beside the line."""


@dataclass(frozen=True, slots=True)
class Strip:
    """middle: (n, 2). values: (n, m) contrast, about 1 on the line and 0 beside it. inner: rows of
    the known part of the line. sides: (m,) offsets beside the line. noise: spread of the texture
    there, in units of the contrast of the line."""

    middle: Points
    spacing: float
    offsets: Float32Array
    values: Float32Array
    inner: slice
    sides: npt.NDArray[np.bool_]
    noise: float

    @property
    def length(self) -> float:
        return self.spacing * (len(self.middle) - 1)

    def mean_profile(self) -> Float32Array:
        return np.asarray(self.values[self.inner].mean(axis=0))


def read_strip(
    source: Source,
    white: Float32Array,
    line: Points,
    offsets: Float32Array,
    known: tuple[float, float],
    rough: float,
) -> Strip:
    total = float(np.hypot(*np.diff(line, axis=0).T).sum())
    middle = resample_line(line, max(1.0, total / MAX_ROWS))
    spacing = total / (len(middle) - 1)
    normals = find_line_normals(middle)
    x = (middle[:, :1] + normals[:, :1] * offsets).astype(np.float32)
    y = (middle[:, 1:] + normals[:, 1:] * offsets).astype(np.float32)
    colours = (source.read(x, y).reshape(-1, 3) @ white).reshape(len(middle), len(offsets), 3)
    first = min(round(known[0] / spacing), len(middle) // 3)
    last = max(len(middle) - round(known[1] / spacing), first + 2)
    inner = slice(first, last)
    sides = np.abs(offsets) > SIDE_SHARE * offsets[-1]
    background = smooth_open(colours[:, sides].mean(axis=1), 8.0 / spacing)
    for channel in range(3):
        colours[..., channel] -= background[:, channel, None]
    mean = colours[inner].mean(axis=0)
    near = np.abs(offsets) <= max(0.35 * rough, 0.8)
    step = mean[near].mean(axis=0)
    size = max(float(step @ step), 1e-6)
    values = np.asarray(colours @ (step / size))
    return Strip(middle, spacing, offsets, values, inner, sides, float(values[:, sides].std()))


def smooth_open(values: npt.NDArray[np.floating], sigma: float) -> Float32Array:
    """Averages (n, k) along its rows with a Gaussian. The ends are repeated."""
    reach = max(1, math.ceil(2.5 * sigma))
    table = np.ascontiguousarray(values, dtype=np.float32)
    if sigma < 0.3:
        return table
    out = cv2.GaussianBlur(
        table, (1, 2 * reach + 1), 0.01, sigmaY=sigma, borderType=cv2.BORDER_REPLICATE
    )
    return np.asarray(out).reshape(table.shape)
