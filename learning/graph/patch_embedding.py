"""Patch vectors from the features of several layers: one small convolution per layer, then a
bilinear resize to the first layer's grid.

PatchCore (CVPR 2022), section 3.1, and GLASS (ECCV 2024), section 3.2, take the 3x3 neighbours of
every position, pool them to a fixed length per layer and pool the layers to `dims`. All of this is
linear, so it is written here as the convolution that it equals, at each layer's own grid.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

from inspector.core.errors import ConfigError
from learning.graph.maps import axis_matrix

TAPS: Final = 9

Array = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]
Grid = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PatchConvolution:
    """3x3 convolution of one layer, zeros beyond the border, to the dims start..start+len(kernel).

    kernel: (O, C / groups, 3, 3).
    """

    kernel: Array
    groups: int
    start: int

    @property
    def stop(self) -> int:
        return self.start + len(self.kernel)

    def graph(self, features: Var) -> Var:
        """(N, C, h, w) -> (N, O, h, w)."""
        kernel = op.const(self.kernel)
        return op.conv(features, kernel, group=self.groups, pads=[1, 1, 1, 1])

    def numpy(self, features: Array) -> Array:
        """The same as `graph`, picture by picture. It needs memory for 9 copies of the features of
        one picture."""
        count, channels, height, width = features.shape
        weights = self.kernel.reshape(self.groups, -1, channels // self.groups * TAPS)
        padded = np.pad(features, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
        convolved = np.empty((count, len(self.kernel), height, width), np.float32)
        for index in range(count):
            lined = windows[index].reshape(self.groups, -1, height * width)
            convolved[index] = (weights @ lined).reshape(-1, height, width)
        return convolved


@dataclass(frozen=True, slots=True)
class PatchEmbedding:
    """One convolution per layer, in the order of the layers; the first one's grid is the result's.

    Made by `pooled` or `averaged`.
    """

    convolutions: tuple[PatchConvolution, ...]
    dims: int

    @classmethod
    def averaged(cls, channels: Sequence[int]) -> Self:
        """Mean of the 3x3 neighbours per channel, with zeros beyond the border; the channels of all
        layers one after the other."""
        kernels = [np.full((count, 1, 3, 3), 1 / TAPS, np.float32) for count in channels]
        starts = np.cumsum([0, *channels])
        parts = zip(kernels, channels, map(int, starts), strict=False)
        return cls(tuple(PatchConvolution(*part) for part in parts), int(starts[-1]))

    @classmethod
    def pooled(cls, channels: Sequence[int], layer_dims: int, dims: int) -> Self:
        """Adaptive average pooling of each layer's C * 9 values (channel, row, column) to
        layer_dims, then of all layers' together to dims."""
        if dims < 1 or layer_dims < 1 or dims > len(channels) * layer_dims:
            raise ConfigError(
                f"patch vectors of {len(channels)} layers of {layer_dims} values cannot be pooled "
                f"to {dims}"
            )
        together = pooling_matrix(len(channels) * layer_dims, dims)
        convolutions = []
        for index, count in enumerate(channels):
            block = together[:, index * layer_dims : (index + 1) * layer_dims]
            used = np.flatnonzero(block.any(axis=1))
            start, stop = int(used[0]), int(used[-1]) + 1
            taps = pooling_matrix(count * TAPS, layer_dims)
            # Row by row: the product of the whole, nearly empty matrices takes seconds.
            rows = [row[row > 0] @ taps[row > 0] for row in block[start:stop]]
            kernel = np.stack(rows).reshape(-1, count, 3, 3)
            convolutions.append(PatchConvolution(*_group_kernel(kernel), start))
        return cls(tuple(convolutions), dims)

    @property
    def is_concatenated(self) -> bool:
        """Whether no value is made of two layers. The results of the layers are then concatenated
        instead of added."""
        ends = [convolution.stop for convolution in self.convolutions[:-1]]
        return all(
            stop == after.start for stop, after in zip(ends, self.convolutions[1:], strict=True)
        )

    def graph(self, features: Sequence[Var], grids: Sequence[Grid]) -> Var:
        """(N, C, h, w) of each layer -> (N, dims, h, w) at the first of `grids`."""
        parts = []
        for convolution, layer, grid in zip(self.convolutions, features, grids, strict=True):
            part = resize(convolution.graph(layer), grid, grids[0])
            parts.append(part if self.is_concatenated else self._widen(part, convolution))
        if len(parts) == 1:
            return parts[0]
        return op.concat(parts, axis=1) if self.is_concatenated else op.sum(parts)

    def _widen(self, values: Var, convolution: PatchConvolution) -> Var:
        pads = (0, convolution.start, 0, 0, 0, self.dims - convolution.stop, 0, 0)
        return op.pad(values, op.const(np.array(pads, np.int64)))

    def numpy(self, features: Sequence[Array]) -> Array:
        """The same as `graph`, for fitting."""
        return self.join_layers(self.convolve(features))

    def convolve(self, features: Sequence[Array]) -> list[Array]:
        """First half of `numpy`: (n, C, h, w) of each layer -> (n, O, h, w), still at the layer's
        grid. This takes less memory than the result of `join_layers`."""
        pairs = zip(self.convolutions, features, strict=True)
        return [convolution.numpy(layer) for convolution, layer in pairs]

    def join_layers(self, convolved: Sequence[Array]) -> Array:
        """Second half of `numpy`: -> (n, dims, h, w) at the first layer's grid."""
        grid = convolved[0].shape[2], convolved[0].shape[3]
        total = np.zeros((len(convolved[0]), self.dims, *grid), np.float32)
        for convolution, layer in zip(self.convolutions, convolved, strict=True):
            total[:, convolution.start : convolution.stop] += resize_numpy(layer, grid)
        return total


def pooling_matrix(length: int, out: int) -> Matrix:
    """(out, length): adaptive average pooling, bin i the mean of floor(i * length / out) up to
    ceil((i + 1) * length / out)."""
    matrix = np.zeros((out, length))
    for index in range(out):
        start, stop = index * length // out, -(-(index + 1) * length // out)
        matrix[index, start:stop] = 1 / (stop - start)
    return matrix


def _group_kernel(kernel: Matrix) -> tuple[Array, int]:
    """(O, C, 3, 3) -> (O, C / groups, 3, 3) with as many groups as the zeros allow."""
    outs, channels = kernel.shape[:2]
    used = kernel.any(axis=(2, 3))
    for groups in range(gcd(outs, channels), 0, -1):
        if outs % groups or channels % groups:
            continue
        blocks = used.reshape(groups, outs // groups, groups, channels // groups)
        elsewhere = blocks.any(axis=(1, 3)) & ~np.eye(groups, dtype=bool)
        if not elsewhere.any():
            break
    blocked = kernel.reshape(groups, outs // groups, groups, channels // groups, 3, 3)
    diagonal = blocked[np.arange(groups), :, np.arange(groups)].reshape(
        outs, channels // groups, 3, 3
    )
    return np.ascontiguousarray(diagonal, np.float32), groups


def resize(values: Var, grid: Grid, out: Grid) -> Var:
    """(N, C, *grid) -> (N, C, *out), bilinear with pixel centres at halves."""
    if grid == out:
        return values
    rows = op.const(axis_matrix(out[0], grid[0], 0.0).astype(np.float32))
    columns = op.const(np.ascontiguousarray(axis_matrix(out[1], grid[1], 0.0).T, np.float32))
    return op.matmul(op.matmul(rows, values), columns)


def resize_numpy(values: Array, out: Grid) -> Array:
    """The same as `resize`, for fitting."""
    if values.shape[2:] == out:
        return values
    rows = axis_matrix(out[0], values.shape[2], 0.0).astype(np.float32)
    columns = axis_matrix(out[1], values.shape[3], 0.0).astype(np.float32)
    return np.matmul(np.matmul(rows, values), columns.T)
