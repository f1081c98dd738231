"""Turns grids of scores into the anomaly map and the image score, in the graph and in numpy.

Bilinear upsampling and Gaussian smoothing are linear and separable, so both together are one
matrix per axis: map = G_h @ scores @ G_w^T.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

from inspector.core.arrays import Mask
from inspector.core.errors import ConfigError

TRUNCATE: Final = 4.0
"""Reach of the Gaussian, in standard deviations."""

TOP_K_LIMIT: Final = 3840
"""Largest k that TensorRT's TopK takes."""

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MapCanvas:
    """Where scores are drawn and how the image score is read from them.

    sigma: of the Gaussian, in map pixels. top_fraction: share of the inspected map whose mean is
    the image score; 0 is the maximum. inside: (h, w) of map_hw, what is inspected; None is all.
    foreground: mean share of it that a mask of every picture leaves.
    """

    map_hw: tuple[int, int]
    sigma: float = 4.0
    top_fraction: float = 0.01
    inside: Mask | None = None
    foreground: float = 1.0

    def __post_init__(self) -> None:
        if not self.sigma >= 0:
            raise ConfigError(f"sigma must be at least 0, not {self.sigma}")
        if not 0 <= self.top_fraction <= 1:
            raise ConfigError(f"top_fraction must lie within 0 and 1, not {self.top_fraction}")
        if self.inside is not None and self.inside.shape != self.map_hw:
            raise ValueError(f"a mask of {self.inside.shape} does not fit a map of {self.map_hw}")

    @property
    def step(self) -> int:
        """Every step-th row and column of the map takes part in the image score.

        1 if TopK can take the whole map. A larger step loses no detail, because sigma has removed
        it.
        """
        step = 1
        while self._count(step) > TOP_K_LIMIT:
            step += 1
        return step

    @property
    def top_k(self) -> int:
        """Number of map values whose mean is the image score."""
        return self._count(self.step)

    def _count(self, step: int) -> int:
        height, width = self.map_hw
        if self.inside is None:
            area = -(-height // step) * -(-width // step)
        else:
            area = int(self.inside[::step, ::step].sum())
        return max(1, int(self.top_fraction * self.foreground * area))


@lru_cache(maxsize=32)
def axis_matrix(out: int, cells: int, sigma: float) -> Matrix:
    """(out, cells): bilinear upsampling (pixel centres at halves), then a Gaussian whose border
    repeats mirrored with the edge pixel (d c b a | a b c d), cut at TRUNCATE sigma."""
    matrix = _gaussian(out, sigma) @ _bilinear(out, cells)
    matrix.flags.writeable = False
    return matrix


def _bilinear(out: int, cells: int) -> Matrix:
    at = np.clip((np.arange(out) + 0.5) * cells / out - 0.5, 0, cells - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, cells - 1)
    matrix = np.zeros((out, cells))
    rows = np.arange(out)
    np.add.at(matrix, (rows, low), 1 - (at - low))
    np.add.at(matrix, (rows, high), at - low)
    return matrix


def _gaussian(length: int, sigma: float) -> Matrix:
    if sigma == 0:
        return np.eye(length)
    reach = int(TRUNCATE * sigma + 0.5)
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    weights /= weights.sum()
    matrix = np.zeros((length, length))
    for offset, weight in zip(offsets, weights, strict=True):
        at = (np.arange(length) + offset) % (2 * length)
        np.add.at(
            matrix, (np.arange(length), np.where(at < length, at, 2 * length - 1 - at)), weight
        )
    return matrix


@dataclass(frozen=True, slots=True)
class Drawing:
    """How the scores of one layer become a map: G_h (H, h) and G_w (W, w). With a region of
    interest also the share of each cell inside it (h, w), and the factor for each pixel of the map
    (H, W), 0 outside.

    The factor divides by the smoothed shares. So a pixel near the edge of the region is the
    weighted mean of the cells inside only: nothing from outside enters, and a defect at the edge
    keeps its full score.
    """

    rows: Matrix
    columns: Matrix
    share: Matrix | None
    factor: Matrix | None


def drawing(canvas: MapCanvas, grid_hw: tuple[int, int]) -> Drawing:
    rows = axis_matrix(canvas.map_hw[0], grid_hw[0], canvas.sigma)
    columns = axis_matrix(canvas.map_hw[1], grid_hw[1], canvas.sigma)
    if canvas.inside is None:
        return Drawing(rows, columns, None, None)
    share = cell_share(canvas.inside, grid_hw)
    weight = rows @ share @ columns.T
    factor = np.where(canvas.inside, 1 / np.maximum(weight, 1e-6), 0.0)
    return Drawing(rows, columns, share, factor)


def cell_share(inside: Mask, grid_hw: tuple[int, int]) -> Matrix:
    """(h, w) in [0, 1]: the share of each cell of the grid that lies inside."""
    shares = []
    for out, cells in zip(inside.shape, grid_hw, strict=True):
        edges = np.arange(cells + 1) * out / cells
        starts, ends = edges[:-1, None], edges[1:, None]
        pixel = np.arange(out)[None, :]
        overlap = np.minimum(pixel + 1, ends) - np.maximum(pixel, starts)
        shares.append(np.clip(overlap, 0, None) * cells / out)
    return shares[0] @ inside.astype(np.float64) @ shares[1].T


def anomaly_map(
    grids: Mapping[str, Var], shapes: Mapping[str, tuple[int, int]], canvas: MapCanvas
) -> Var:
    """Mean over the layers of each layer's drawn scores: (N, h, w) per layer -> (N, H, W)."""
    drawn = []
    for name, grid in grids.items():
        d = drawing(canvas, shapes[name])
        if d.share is not None:
            grid = op.mul(grid, _constant(d.share))
        layer = op.matmul(op.matmul(_constant(d.rows / len(grids)), grid), _constant(d.columns.T))
        drawn.append(layer if d.factor is None else op.mul(layer, _constant(d.factor)))
    return drawn[0] if len(drawn) == 1 else op.sum(drawn)


def top_mean(maps: Var, canvas: MapCanvas) -> Var:
    """(N, H, W), never negative, 0 outside the region -> (N,): mean of the largest values."""
    step = canvas.step
    if step > 1:
        start, end = np.zeros(2, np.int64), np.array(canvas.map_hw, np.int64)
        axes, steps = np.array((1, 2)), np.array((step, step))
        maps = op.slice(maps, *map(op.const, (start, end, axes, steps)))
    flat = op.reshape(maps, op.const(np.array((0, -1), np.int64)))
    count = op.const(np.array([canvas.top_k], np.int64))
    values, _ = op.top_k(flat, count, axis=1)
    return op.reduce_mean(values, axes=[1], keepdims=0)


def _constant(values: Matrix) -> Var:
    return op.const(np.ascontiguousarray(values, np.float32))


def anomaly_map_numpy(
    grids: Mapping[str, npt.NDArray[np.float32]], canvas: MapCanvas
) -> npt.NDArray[np.float32]:
    """The same as `anomaly_map`, for scoring normals while fitting."""
    total = np.zeros((len(next(iter(grids.values()))), *canvas.map_hw), np.float32)
    for grid in grids.values():
        d = drawing(canvas, (grid.shape[1], grid.shape[2]))
        # numpy uses BLAS for stacks of matrices only if each matrix is contiguous.
        scores = np.ascontiguousarray(grid)
        if d.share is not None:
            scores = scores * d.share.astype(np.float32)
        tall = (d.rows / len(grids)).astype(np.float32) @ scores
        wide = tall.reshape(-1, tall.shape[2]) @ d.columns.T.astype(np.float32)
        layer = wide.reshape(total.shape)
        total += layer if d.factor is None else layer * d.factor.astype(np.float32)
    return total


def top_mean_numpy(maps: npt.NDArray[np.float32], canvas: MapCanvas) -> npt.NDArray[np.float32]:
    """The same as `top_mean`, for scoring normals while fitting; float64 stays float64."""
    flat = maps[:, :: canvas.step, :: canvas.step].reshape(len(maps), -1)
    return np.partition(flat, -canvas.top_k, axis=1)[:, -canvas.top_k :].mean(axis=1)


def scored_cells(grid_hw: tuple[int, int], canvas: MapCanvas) -> npt.NDArray[np.float32]:
    """(P,): 1 for the cells that the image score is taken from, 0 for those with less than half of
    their area inside the region. If no cell has half of its area inside, the cells with the largest
    share are taken."""
    if canvas.inside is None:
        return np.ones(grid_hw[0] * grid_hw[1], np.float32)
    share = cell_share(canvas.inside, grid_hw)
    return (share >= min(0.5, share.max())).astype(np.float32).ravel()
