"""Turns scores of cells into the map and the image score, written literally in float64.

The references of the methods use it. It shares no code with learning.graph.maps: its Gaussian
filter is SciPy's.
"""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from learning.graph.maps import TRUNCATE, MapCanvas

Float = npt.NDArray[np.float64]


def draw(scores: Float, canvas: MapCanvas) -> Float:
    """Upsamples and smooths. With a region of interest, each pixel is the mean over the cells
    inside it."""
    if canvas.inside is None:
        return _smooth(scores, canvas)
    shares = share(canvas.inside.astype(np.float64), scores.shape)
    weight = np.maximum(_smooth(shares, canvas), 1e-6)
    return np.where(canvas.inside, _smooth(scores * shares, canvas) / weight, 0.0)


def share(inside: Float, grid_hw: tuple[int, ...]) -> Float:
    """(h, w): mean of the mask over each cell, border pixels by the part that overlaps."""
    tall, wide = (_overlaps(cells, size) for cells, size in zip(grid_hw, inside.shape, strict=True))
    return tall @ inside @ wide.T / np.outer(tall.sum(axis=1), wide.sum(axis=1))


def _overlaps(cells: int, pixels: int) -> Float:
    """(cells, pixels): how much of each pixel lies in each cell, along one axis."""
    start = np.arange(cells)[:, None] * pixels / cells
    end = np.arange(1, cells + 1)[:, None] * pixels / cells
    pixel = np.arange(pixels)
    return np.clip(np.minimum(pixel + 1, end) - np.maximum(pixel, start), 0, None)


def _smooth(grid: Float, canvas: MapCanvas) -> Float:
    for axis, out in enumerate(canvas.map_hw):
        cells = grid.shape[axis]
        centres = (np.arange(out) + 0.5) * cells / out - 0.5
        lines = np.moveaxis(grid, axis, -1).reshape(-1, cells)
        longer = np.stack([np.interp(centres, np.arange(cells), line) for line in lines])
        grid = longer.T if axis == 0 else longer
    if canvas.sigma == 0:
        return grid
    return gaussian_filter(grid, canvas.sigma, mode="reflect", truncate=TRUNCATE)


def image_score(anomaly_map: Float, canvas: MapCanvas) -> float:
    step = canvas.step
    return float(np.sort(anomaly_map[::step, ::step].ravel())[-canvas.top_k :].mean())
