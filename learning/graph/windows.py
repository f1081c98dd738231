"""Windows of patches: their mean vectors, and their scores to scores of patches.

All functions exist for the graph and for numpy.

WinCLIP (Jeong et al., CVPR 2023), section 4.2: a patch has the harmonic mean of the scores of all
windows that cover it. As a product with a constant matrix, it needs no loop over patches:
count / (cover @ (1 / scores)).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

LEAST: Final = 1e-6
"""Smallest score that is inverted. A harmonic mean with a score of 0 is 0; here it is at most the
number of its scores times LEAST."""

Array = npt.NDArray[np.float32]


def cover_matrix(grid: tuple[int, int], side: int) -> Array:
    """(h * w, windows) of 0 and 1: which windows of side x side patches, stride 1, cover a patch.
    Patches and windows are in order of rows."""
    axes = []
    for cells in grid:
        apart = np.arange(cells)[:, None] - np.arange(cells - side + 1)
        axes.append((apart >= 0) & (apart < side))
    return np.kron(axes[0], axes[1]).astype(np.float32)


def mean_vectors(patches: Var, side: int) -> Var:
    """(N, C, h, w) of patches -> means of all windows (N, C, h - side + 1, w - side + 1)."""
    return op.average_pool(patches, kernel_shape=[side, side])


def patch_scores(scores: Var, grid: tuple[int, int], side: int) -> Var:
    """Scores of windows (N, windows) -> harmonic means (N, h * w)."""
    cover = cover_matrix(grid, side)
    inverse = op.matmul(_invert(scores), op.const(np.ascontiguousarray(cover.T)))
    return op.div(op.const(cover.sum(axis=1)), inverse)


def harmonic_mean(parts: Sequence[Var]) -> Var:
    """Of scores with shapes that fit each other."""
    inverse = [_invert(part) for part in parts]
    total = inverse[0]
    for part in inverse[1:]:
        total = op.add(total, part)
    return op.div(op.const(np.float32(len(parts))), total)


def _invert(scores: Var) -> Var:
    return op.reciprocal(op.max([scores, op.const(np.float32(LEAST))]))


def mean_vectors_numpy(patches: Array, side: int) -> Array:
    """The same as `mean_vectors`, for fitting."""
    windows = np.lib.stride_tricks.sliding_window_view(patches, (side, side), axis=(2, 3))
    return np.asarray(windows.mean(axis=(4, 5)), np.float32)


def patch_scores_numpy(scores: Array, grid: tuple[int, int], side: int) -> Array:
    """The same as `patch_scores`, for fitting."""
    cover = cover_matrix(grid, side)
    return cover.sum(axis=1) / ((1 / np.maximum(scores, np.float32(LEAST))) @ cover.T)


def harmonic_mean_numpy(parts: Sequence[Array]) -> Array:
    """The same as `harmonic_mean`, for fitting."""
    inverse = sum(1 / np.maximum(part, np.float32(LEAST)) for part in parts)
    return np.asarray(len(parts) / inverse, np.float32)
