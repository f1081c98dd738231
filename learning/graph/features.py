"""Backbone features to unit vectors per position, in the graph and in numpy."""

from typing import Final

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

EPSILON: Final = 1e-12
"""Smallest divisor, so that a vector of zeros stays a vector of zeros."""

Array = npt.NDArray[np.float32]


def average_3x3(features: Var) -> Var:
    """(N, C, h, w) -> mean over the 3x3 neighbours inside the grid.

    At the border the mean is over the four or six neighbours that exist (count_include_pad = 0):
    zeros beyond the border would change the vectors at the border.
    """
    return op.average_pool(
        features, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1], count_include_pad=0
    )


def normalise(features: Var, axis: int = 1) -> Var:
    """Divides by the L2 norm along `axis`."""
    norm = op.reduce_l2(features, axes=[axis], keepdims=1)
    return op.div(features, op.max([norm, op.const(np.float32(EPSILON))]))


def descriptor(features: Var) -> Var:
    """Global descriptor (N, C), of unit length: mean over all positions of (N, C, h, w), or an
    (N, C) output such as a class token as it is."""
    if len(features.unwrap_tensor().shape or ()) == 4:
        features = op.reduce_mean(features, axes=[2, 3], keepdims=0)
    return normalise(features)


def average_3x3_numpy(features: Array) -> Array:
    """The same as `average_3x3`, for fitting."""
    height, width = features.shape[2:]
    padded = np.pad(features, ((0, 0), (0, 0), (1, 1), (1, 1)))
    rows = padded[:, :, :-2] + padded[:, :, 1:-1] + padded[:, :, 2:]
    total = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    return total / np.outer(_neighbours(height), _neighbours(width)).astype(np.float32)


def normalise_numpy(features: Array, axis: int = 1) -> Array:
    """The same as `normalise`, for fitting."""
    norm = np.sqrt(np.sum(features * features, axis=axis, keepdims=True))
    return features / np.maximum(norm, np.float32(EPSILON))


def descriptor_numpy(features: Array) -> Array:
    """The same as `descriptor`, for fitting."""
    if features.ndim == 4:
        features = features.mean(axis=(2, 3))
    return normalise_numpy(features)


def _neighbours(length: int) -> npt.NDArray[np.int64]:
    """How many of the three neighbours along one axis lie inside the grid."""
    at = np.arange(length)
    return np.minimum(at + 1, length - 1) - np.maximum(at - 1, 0) + 1
