"""Computes the foreground mask of a picture, in the graph and in numpy.

A cell that differs from every known look of the background shows product. Every step is continuous,
so rounding changes a mask by as little as it changes the pixels, on every runtime.
"""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

from inspector.core.arrays import Image, Mask
from inspector.core.errors import DataError
from learning.graph.features import average_3x3, average_3x3_numpy
from learning.graph.maps import axis_matrix

CELLS: Final = 64
"""About this many cells along the short side of the input."""

RAMP: Final = (0.75, 1.25)
"""In units of ForegroundModel.level: below the first difference a cell shows background, above the
second one it shows product, and the mask rises evenly between them."""

SPECK: Final = 2
"""A group of this many cells or fewer, of 3 x 3, is dirt or noise and no product."""

CLOSE: Final = 4
"""Gaps in the product that are up to 2 * CLOSE cells wide belong to it, such as cracks and holes
that show the background."""

MARGIN: Final = 2
"""Cells by which the mask is wider than the product."""

BORDER: Final = 2
"""Cells along the edge of the picture, or of the region of interest, that show the background."""

MOST_LIGHT: Final = 20 / 255
"""A change of the border by up to this much counts as light, such as automatic exposure."""

LEAST_BORDER: Final = 16
MOST_BORDER: Final = 999
"""Cells that the light is measured at. The number is odd, so that the median is one of them."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ForegroundModel:
    """How the mask of a picture is computed.

    cell: side of a cell, px of the input. views: (k, 3, h, w) or (k, 3, 1, 1) RGB in [0, 1], looks
    of the background, by place or for all places. border: (b,), numbers of the cells that show the
    light, in rows; b is 0 for views of all places. level: difference from every view, in [0, 1], at
    which a cell is half product. region: (h, w) in [0, 1], share of each cell in the region of
    interest. core: (h, w), 1 for the cells that are in the mask of every picture. least: a picture
    with a smaller share of product shows none.
    """

    cell: int
    views: Array
    border: npt.NDArray[np.int64]
    level: float
    region: Array
    core: Array
    least: float

    @property
    def grid_hw(self) -> tuple[int, int]:
        return self.core.shape[0], self.core.shape[1]


def cell_side(input_hw: tuple[int, int]) -> int:
    """In px of the input."""
    return max(1, round(min(input_hw) / CELLS))


def cells(pixels: Image, side: int) -> Array:
    """(n, H, W, 3) uint8 RGB -> (n, 3, H // side, W // side): mean colours, in [0, 1]."""
    count, height, width, _ = pixels.shape
    h, w = height // side, width // side
    parts = pixels[:, : h * side, : w * side].reshape(count, h, side, w, side, 3)
    means = parts.mean(axis=(2, 4), dtype=np.float32) / np.float32(255)
    return np.ascontiguousarray(means.transpose(0, 3, 1, 2))


def border_cells(inside: Mask) -> npt.NDArray[np.int64]:
    """An odd number of the cells along the edge of the region (h, w), numbered in rows.
    Raises DataError for less than LEAST_BORDER cells."""
    kernel = np.ones((2 * BORDER + 1, 2 * BORDER + 1), np.uint8)
    inner = cv2.erode(
        inside.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    border = np.flatnonzero(inside & (inner == 0))
    if len(border) < LEAST_BORDER:
        raise DataError(
            "foreground: the region of interest is too small to see the background at its edge"
        )
    count = min(len(border), MOST_BORDER)
    return border[np.linspace(0, len(border) - 1, count - (count + 1) % 2).round().astype(np.int64)]


def difference(colours: Array, views: Array, border: npt.NDArray[np.int64]) -> Array:
    """(n, 3, h, w) -> (n, h, w): from the nearest view, in the channel with the largest difference,
    less the light. border: as in ForegroundModel."""
    differences = []
    for view in views:
        change = colours - view
        if len(border):
            light = np.median(change.reshape(*change.shape[:2], -1)[:, :, border], axis=2)
            change = change - np.clip(light, -MOST_LIGHT, MOST_LIGHT)[:, :, None, None]
        differences.append(np.abs(change).max(axis=1))
    return np.asarray(np.min(differences, axis=0), np.float32)


def product(colours: Array, model: ForegroundModel) -> Array:
    """(n, 3, h, w) -> (n, h, w) in [0, 1]: the product, without margin."""
    low, high = RAMP
    scaled = difference(colours, model.views, model.border) * np.float32(1 / model.level)
    raised = np.clip((scaled - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    mean = average_3x3_numpy((raised * model.region)[:, None])[:, 0]
    return np.clip(9 * mean - SPECK, 0, 1)


def mask(shown: Array, model: ForegroundModel) -> Array:
    """(n, h, w) of `product` -> (n, h, w) in [0, 1]: closed, with its margin and the core."""
    grown = [_filter(_filter(each, CLOSE + MARGIN, cv2.dilate), CLOSE, cv2.erode) for each in shown]
    return np.maximum(np.stack(grown), model.core)


def _filter(grid: Array, reach: int, how: Any) -> Array:
    side = 2 * reach + 1
    return np.asarray(how(grid, np.ones((side, side), np.uint8)), np.float32)


def draw(grids: Array, map_hw: tuple[int, int]) -> Array:
    """(n, h, w) -> (n, H, W), bilinear."""
    rows, columns = (
        axis_matrix(out, count, 0.0).astype(np.float32)
        for out, count in zip(map_hw, grids.shape[1:], strict=True)
    )
    return np.asarray(rows @ grids @ columns.T, np.float32)


def cells_in_graph(image: Var, side: int) -> Var:
    """The same as `cells`: (N, 3, H, W) in [0, 1] -> (N, 3, h, w)."""
    return op.average_pool(image, kernel_shape=[side, side], strides=[side, side])


def mask_in_graph(colours: Var, model: ForegroundModel, map_hw: tuple[int, int]) -> tuple[Var, Var]:
    """(N, 3, h, w) -> the mask as `draw` makes it, (N, H, W), and the share of product, (N,)."""
    low, high = RAMP
    views = [
        op.reduce_max(op.abs(_change_in_graph(colours, view, model.border)), axes=[1], keepdims=1)
        for view in model.views
    ]
    nearest = views[0] if len(views) == 1 else op.min(views)
    scaled = op.mul(nearest, op.const(np.float32(1 / model.level)))
    raised = op.mul(
        op.sub(scaled, op.const(np.float32(low))), op.const(np.float32(1 / (high - low)))
    )
    inside = op.mul(_clip(raised), op.const(model.region))
    mean = average_3x3(inside)
    shown = _clip(op.sub(op.mul(mean, op.const(np.float32(9))), op.const(np.float32(SPECK))))
    share = op.reduce_mean(shown, axes=[1, 2, 3], keepdims=0)
    grown = op.neg(_largest(op.neg(_largest(shown, CLOSE + MARGIN)), CLOSE))
    grid = op.squeeze(op.max([grown, op.const(model.core)]), op.const(np.array([1])))
    rows, columns = (
        axis_matrix(out, count, 0.0).astype(np.float32)
        for out, count in zip(map_hw, model.grid_hw, strict=True)
    )
    drawn = op.matmul(op.matmul(op.const(rows), grid), op.const(np.ascontiguousarray(columns.T)))
    return drawn, share


def _change_in_graph(colours: Var, view: Array, border: npt.NDArray[np.int64]) -> Var:
    change = op.sub(colours, op.const(view[None]))
    if not len(border):
        return change
    flat = op.reshape(change, op.const(np.array((0, 0, -1), np.int64)))
    upper = op.const(np.array([len(border) // 2 + 1], np.int64))
    largest, _ = op.top_k(op.gather(flat, op.const(border), axis=2), upper, axis=2)
    median = op.reduce_min(largest, axes=[2], keepdims=1)
    light = _clip(median, -MOST_LIGHT, MOST_LIGHT)
    return op.sub(change, op.unsqueeze(light, op.const(np.array([3]))))


def _clip(values: Var, low: float = 0, high: float = 1) -> Var:
    return op.clip(values, op.const(np.float32(low)), op.const(np.float32(high)))


def _largest(values: Var, reach: int) -> Var:
    """The largest value within `reach` rows and columns; rows and columns separately are faster."""
    side = 2 * reach + 1
    tall, _ = op.max_pool(values, kernel_shape=[side, 1], pads=[reach, 0, reach, 0])
    return op.max_pool(tall, kernel_shape=[1, side], pads=[0, reach, 0, reach])[0]
