"""Kernels that measure the contrast of lines.

A line is sampled in every pixel across it and in every STEP-th pixel along it. So there are two
groups of directions: within 45 degrees of the rows, and within 45 degrees of the columns. The
kernels of the second group are those of the first one with exchanged axes.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

DIRECTIONS: Final = 16
GROUP: Final = DIRECTIONS // 2

SIDE: Final = 9
"""Of a kernel, px."""

THICKNESS: Final = 0.84
"""Standard deviation of the Gaussian across a line, px."""
APART: Final = 2.66
"""Distance between the line and the surface beside it, px."""
LENGTH: Final = 3.0
"""Standard deviation of the Gaussian along a line, px."""

STEP: Final = 4
"""Distance between samples along a line, px."""
SEGMENTS: Final = 5
"""Samples along a line whose mean is its contrast, so a line is about 25 px long."""
SPREAD: Final = 0.7
"""Standard deviation of a sample across the line, px."""
REACH: Final = STEP * (SEGMENTS // 2) + 1
"""Of the samples of a line across the rows, px."""

Array = npt.NDArray[np.float32]


def angles() -> npt.NDArray[np.float64]:
    """(GROUP,) angles of the first group to the rows, in radians."""
    return np.pi * (np.arange(GROUP) - GROUP / 2 + 0.5) / DIRECTIONS


def side_kernels() -> Array:
    """(2 * GROUP, 1, SIDE, SIDE): mean of a short line less that of the surface on one side of it,
    for each direction; then the same for the other side."""
    kernels = [_contrast(angle, side) for side in (APART, -APART) for angle in angles()]
    return np.stack(kernels)[:, None].astype(np.float32)


def _contrast(angle: float, side: float) -> npt.NDArray[np.float64]:
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    length = np.exp(-0.5 * (along / LENGTH) ** 2)
    line = length * np.exp(-0.5 * (across / THICKNESS) ** 2)
    surface = length * np.exp(-0.5 * ((across - side) / THICKNESS) ** 2)
    return np.asarray(line / line.sum() - surface / surface.sum())


def joining_kernels() -> Array:
    """(GROUP, 1, 2 * REACH + 1, SEGMENTS): mean of the samples along each direction."""
    rows = np.arange(-REACH, REACH + 1)[:, None]
    offsets = STEP * (np.arange(SEGMENTS) - SEGMENTS // 2)
    kernels = []
    for angle in angles():
        weights = np.exp(-0.5 * ((rows - offsets * np.tan(angle)) / SPREAD) ** 2)
        kernels.append(weights / weights.sum(axis=0) / SEGMENTS)
    return np.stack(kernels)[:, None].astype(np.float32)


def exchange_axes(kernels: Array) -> Array:
    """The kernels of the second group."""
    return np.ascontiguousarray(kernels.swapaxes(2, 3))
