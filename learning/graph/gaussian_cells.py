"""Mahalanobis distance of every position to its Gaussian, in the graph and in numpy.

PaDiM (arXiv 2011.08785), section 3. Each position has a mean and a matrix. They are stored so that
one batched product gives the exact distance, without an inverse in the graph. There are two forms:
- whitening W with W^T W = S^-1: d2 = |W (x - mean)|^2. It is never negative; float16 is enough.
- low rank A with A^T A = I/eps - S^-1: d2 = |x - mean|^2 / eps - |A (x - mean)|^2. It has fewer
  rows if there are fewer pictures than channels, but it subtracts large terms: float32 only.
The matrix is the left factor, because onnxruntime copies the right one before it multiplies.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

from learning.graph.constants import constant
from learning.graph.half_marks import as_float32

Array = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Joining:
    """How layers become one vector per position of grid_hw.

    channels: layer -> its channels in the vector, in order. grids: layer -> its (h, w).
    """

    channels: dict[str, Indices]
    grids: dict[str, tuple[int, int]]
    grid_hw: tuple[int, int]

    @property
    def dims(self) -> int:
        return sum(map(len, self.channels.values()))

    def sources(self, layer: str) -> tuple[Indices, Indices]:
        """Row and column of the layer that each row and column of grid_hw takes: the nearest, by
        the rule floor(i * h / H), which is i // r for a whole ratio r."""
        rows, columns = (
            np.arange(out) * cells // out
            for out, cells in zip(self.grid_hw, self.grids[layer], strict=True)
        )
        return rows, columns


@dataclass(frozen=True, slots=True)
class Gaussians:
    """means: (P, d) float32. matrices: (P, r, d) in the stored precision: W, or A with epsilon.

    epsilon: of the low-rank form, None for the whitening form.
    """

    means: Array
    matrices: npt.NDArray[np.floating]
    epsilon: float | None

    @property
    def nbytes(self) -> int:
        return self.means.nbytes + self.matrices.nbytes


def join_layers(features: Mapping[str, Var], joining: Joining) -> Var:
    """layer -> (N, C, h, w), to (P, d, N). Channels are chosen before the grids grow."""
    parts = []
    for layer, channels in joining.channels.items():
        rows, columns = joining.sources(layer)
        part = op.gather(features[layer], op.const(channels), axis=1)
        part = op.transpose(part, perm=[2, 3, 1, 0])
        if joining.grids[layer] != joining.grid_hw:
            part = op.gather(op.gather(part, op.const(rows)), op.const(columns), axis=1)
        parts.append(part)
    joined = parts[0] if len(parts) == 1 else op.concat(parts, axis=2)
    positions = joining.grid_hw[0] * joining.grid_hw[1]
    return op.reshape(joined, op.const(np.array((positions, joining.dims, -1), np.int64)))


def distances(vectors: Var, cells: Gaussians, grid_hw: tuple[int, int]) -> Var:
    """(P, d, N) -> (N, h, w)."""
    matrices = as_float32(cells.matrices) if cells.epsilon is None else constant(cells.matrices)
    delta = op.sub(vectors, constant(cells.means[:, :, None]))
    squared = op.reduce_sum_square(op.matmul(matrices, delta), axes=[1], keepdims=0)
    if cells.epsilon is not None:
        length = op.reduce_sum_square(delta, axes=[1], keepdims=0)
        length = op.mul(length, op.const(np.float32(1 / cells.epsilon)))
        squared = op.relu(op.sub(length, squared))
    grid = op.reshape(op.sqrt(squared), op.const(np.array((*grid_hw, -1), np.int64)))
    return op.transpose(grid, perm=[2, 0, 1])


def join_layers_numpy(features: Mapping[str, Array], joining: Joining) -> Array:
    """The same as `join_layers`, for fitting."""
    parts = []
    for layer, channels in joining.channels.items():
        rows, columns = joining.sources(layer)
        part = features[layer][:, channels].transpose(2, 3, 1, 0)
        parts.append(part[rows[:, None], columns[None, :]])
    joined = np.concatenate(parts, axis=2)
    return joined.reshape(-1, *joined.shape[2:])


def distances_numpy(vectors: Array, cells: Gaussians, grid_hw: tuple[int, int]) -> Array:
    """The same as `distances`, for fitting."""
    delta = vectors - cells.means[:, :, None]
    squared = np.square(cells.matrices.astype(np.float32, copy=False) @ delta).sum(axis=1)
    if cells.epsilon is not None:
        squared = np.square(delta).sum(axis=1) * np.float32(1 / cells.epsilon) - squared
    grid = np.sqrt(np.maximum(squared, 0)).reshape(*grid_hw, -1)
    return np.ascontiguousarray(grid.transpose(2, 0, 1))
