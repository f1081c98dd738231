"""Computes error maps in [0, 1]: how a reconstruction differs from its picture.

Both forms, in numpy and in the graph, are here. Pictures x and reconstructions y are in [-1, 1].
l1: |x - y| / 2. mse: (x - y)^2 / 4. ssim: (1 - SSIM) / 2, with the window of "Image quality
assessment" (Wang et al. 2004): 11 pixels, sigma 1.5; the border repeats the edge pixel. Each is the
mean over the channels. blend: a weighted mean of l1 and ssim.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

ERRORS: Final = ("l1", "mse", "ssim", "blend")

WINDOW: Final = 11
SIGMA: Final = 1.5
C1: Final = (0.01 * 2) ** 2
C2: Final = (0.03 * 2) ** 2
"""Constants of SSIM for values that span 2."""

Array = npt.NDArray[np.float32]


@lru_cache(maxsize=16)
def window_matrix(length: int) -> npt.NDArray[np.float64]:
    """(length, length): the Gaussian of SSIM along one axis, the border repeated."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    weights /= weights.sum()
    matrix = np.zeros((length, length))
    rows = np.arange(length)
    for offset, weight in zip(offsets, weights, strict=True):
        np.add.at(matrix, (rows, np.clip(rows + offset, 0, length - 1)), weight)
    matrix.flags.writeable = False
    return matrix


def error_map_numpy(pictures: Array, drawn: Array, error: str, share: float) -> Array:
    """pictures, drawn: (n, 3, H, W) float32 in [-1, 1]. error: one of ERRORS. share: of ssim in
    blend. Returns (n, H, W) float32 in [0, 1]."""
    if error == "mse":
        return np.asarray(np.square(pictures - drawn).mean(axis=1) / 4, np.float32)
    parts = []
    if error in ("l1", "blend"):
        parts.append((1 - share, np.abs(pictures - drawn).mean(axis=1) / 2))
    if error in ("ssim", "blend"):
        parts.append((share, _dissimilarity(pictures, drawn)))
    if len(parts) == 1:
        return np.asarray(parts[0][1], np.float32)
    return np.asarray(sum(weight * values for weight, values in parts), np.float32)


def _dissimilarity(x: Array, y: Array) -> Array:
    rows, columns = (window_matrix(side).astype(np.float32) for side in x.shape[2:])

    def mean(values: Array) -> Array:
        return np.asarray(rows @ values @ columns.T, np.float32)

    mean_x, mean_y = mean(x), mean(y)
    variances = mean(x * x + y * y) - mean_x**2 - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    similarity = ((2 * mean_x * mean_y + C1) * (2 * covariance + C2)) / (
        (mean_x**2 + mean_y**2 + C1) * (np.maximum(variances, 0) + C2)
    )
    return np.asarray(np.clip((1 - similarity.mean(axis=1)) / 2, 0, 1), np.float32)


def error_map(picture: Var, drawn: Var, error: str, share: float, hw: tuple[int, int]) -> Var:
    """The same in the graph. hw: (H, W) of the pictures."""
    difference = op.sub(picture, drawn)
    if error == "mse":
        return op.mul(_channel_mean(op.mul(difference, difference)), _number(1 / 4))
    absolute = op.mul(_channel_mean(op.abs(difference)), _number(1 / 2))
    if error == "l1":
        return absolute
    dissimilar = _dissimilarity_graph(picture, drawn, hw)
    if error == "ssim":
        return dissimilar
    return op.add(op.mul(absolute, _number(1 - share)), op.mul(dissimilar, _number(share)))


def _dissimilarity_graph(x: Var, y: Var, hw: tuple[int, int]) -> Var:
    rows, columns = (window_matrix(side).astype(np.float32) for side in hw)
    left, right = op.const(rows), op.const(np.ascontiguousarray(columns.T))

    def mean(values: Var) -> Var:
        return op.matmul(op.matmul(left, values), right)

    mean_x, mean_y = mean(x), mean(y)
    product = op.mul(mean_x, mean_y)
    squares = op.add(op.mul(mean_x, mean_x), op.mul(mean_y, mean_y))
    variances = op.relu(op.sub(mean(op.add(op.mul(x, x), op.mul(y, y))), squares))
    covariance = op.sub(mean(op.mul(x, y)), product)
    above = op.mul(_scaled(product, 2, C1), _scaled(covariance, 2, C2))
    below = op.mul(op.add(squares, _number(C1)), op.add(variances, _number(C2)))
    similarity = _channel_mean(op.div(above, below))
    half = op.mul(op.sub(_number(1), similarity), _number(1 / 2))
    return op.clip(half, _number(0), _number(1))


def _scaled(values: Var, factor: float, offset: float) -> Var:
    return op.add(op.mul(values, _number(factor)), _number(offset))


def _channel_mean(values: Var) -> Var:
    return op.reduce_mean(values, axes=[1], keepdims=0)


def _number(value: float) -> Var:
    return op.const(np.float32(value))
