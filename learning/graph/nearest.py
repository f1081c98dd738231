"""Exact search of the nearest normal vector, over a window of positions or the whole picture.

The positional search unfolds the query instead of the bank: for every bank cell, it lists the
(2r+1)^2 query positions that may be compared with that cell. So the bank is read once for any batch
and nothing is gathered from it. The bank is the left factor, stored (cells, pictures, channels),
because onnxruntime copies the right factor of a batched product before it multiplies, and the
queries are the smaller copy (100 pictures, 32x32 cells, 40 channels, radius 1: 2.5 ms against
3.8).
"""

import itertools
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

from learning.graph import coarse
from learning.graph.codes import CodedBank, to_cosines
from learning.graph.constants import ints
from learning.graph.half_marks import as_float32

NEVER: Final = -1e6
"""Similarity of a position outside the grid: below every cosine, masked or not."""

TABLE_CELLS: Final = 16_000_000
"""Most patches x bank rows of a picture that are compared at once (64 MB of float32)."""

EXCLUDED: Final = -1e7
"""Added to the cosines of pictures that the descriptor did not choose. Codes of 8 bits give
products of up to 127 x C steps."""


def _window(radius: int) -> Iterator[tuple[int, int]]:
    """Row and column of each shift inside a grid padded by `radius`."""
    for row in range(2 * radius + 1):
        for column in range(2 * radius + 1):
            yield row, column


def _cut(grid: Var, at: tuple[int, int], grid_hw: tuple[int, int]) -> Var:
    """The part of size grid_hw of axes 0 and 1 that begins at `at`."""
    ends = at[0] + grid_hw[0], at[1] + grid_hw[1]
    return op.slice(grid, ints(*at), ints(*ends), ints(0, 1))


def positional(
    query: Var,
    bank: npt.NDArray[np.floating],
    grid_hw: tuple[int, int],
    radius: int,
    mask: Var | None = None,
    *,
    codes: bool = False,
) -> Var:
    """Scores (B, h, w): 1 - largest cosine in the window of +-radius cells, cut at the border.

    query: (B, C, h, w) unit vectors. bank: (h*w, C, N) unit vectors, float16 or float32.
    mask: (B, N), added to the cosines of each picture. codes: the cosines are those
    of codes of 8 bits, see learning.graph.codes.
    """
    height, width = grid_hw
    cells, _, pictures = bank.shape
    if cells != height * width:
        raise ValueError(f"a bank of {cells} cells does not fit a grid of {width}x{height}")
    shifts = (2 * radius + 1) ** 2
    lined = op.transpose(query, perm=[2, 3, 0, 1])
    rows = bank.transpose(0, 2, 1)
    coded = CodedBank(rows) if codes else None
    if coded is None:
        cosines = op.matmul(as_float32(rows), _unfold(lined, grid_hw, radius))
    else:
        queries = coded.encode(lined)
        cosines = coded.multiply(_unfold(queries.codes, grid_hw, radius))
    if mask is not None:
        cosines = op.reshape(cosines, ints(cells, pictures, shifts, -1))
        cosines = op.add(cosines, op.unsqueeze(op.transpose(mask, perm=[1, 0]), ints(1)))
    best = op.reduce_max(cosines, axes=[1], keepdims=0)
    if coded is not None:
        best = coded.scale(op.reshape(best, ints(cells, -1)))
    best = op.reshape(best, ints(height, width, shifts, -1))
    best = _fold(best, grid_hw, radius) if radius else op.squeeze(best, ints(2))
    if coded is not None:
        best = to_cosines(best, queries)
    return _to_score(op.transpose(best, perm=[2, 0, 1]))


def _unfold(lined: Var, grid_hw: tuple[int, int], radius: int) -> Var:
    """(h, w, B, C) -> (h*w, C, D*B): for each cell the vectors of the D cells of its window."""
    if radius:
        lined = op.pad(lined, ints(radius, radius, 0, 0, radius, radius, 0, 0))
        lined = op.concat([_cut(lined, at, grid_hw) for at in _window(radius)], axis=2)
    height, width = grid_hw
    columns = op.transpose(lined, perm=[0, 1, 3, 2])
    return op.reshape(columns, ints(height * width, lined.unwrap_tensor().shape[3], -1))


def _fold(best: Var, grid_hw: tuple[int, int], radius: int) -> Var:
    """(h, w, D, B) by bank cell -> (h, w, B) by query position.

    Shift (i, j) of the unfolded query put position (y + i - r, x + j - r) at bank cell (y, x).
    """
    pads = ints(radius, radius, 0, 0, radius, radius, 0, 0)
    padded = op.pad(best, pads, op.const(np.float32(NEVER)))
    shifted = []
    for index, (row, column) in enumerate(_window(radius)):
        part = op.slice(padded, ints(index), ints(index + 1), ints(2))
        shifted.append(_cut(part, (2 * radius - row, 2 * radius - column), grid_hw))
    return op.squeeze(op.max(shifted), ints(2))


def anywhere(query: Var, bank: npt.NDArray[np.floating], grid_hw: tuple[int, int]) -> Var:
    """Scores (B, h, w): 1 - largest cosine with any of the bank (C, M) of unit vectors."""
    height, width = grid_hw
    channels = bank.shape[0]
    lined = op.reshape(op.transpose(query, perm=[0, 2, 3, 1]), ints(-1, channels))
    best = op.reduce_max(op.matmul(lined, as_float32(bank)), axes=[-1], keepdims=0)
    return _to_score(op.reshape(best, ints(-1, height, width)))


def _to_score(cosine: Var) -> Var:
    """1 - cosine, never below 0 (rounding can put a cosine of 1 slightly above it)."""
    return op.relu(op.sub(op.const(np.float32(1)), cosine))


def choose_pictures(query: Var, descriptors: npt.NDArray[np.float32], top_k: int) -> Var:
    """Mask (B, N) for `positional`: 0 for the top_k pictures most similar to the query's
    descriptor (all that tie with the last one), EXCLUDED for the others.

    query: (B, D) unit vectors. descriptors: (N, D) unit vectors.
    """
    similarity = op.matmul(query, op.const(np.ascontiguousarray(descriptors.T)))
    values, _ = op.top_k(similarity, ints(min(top_k, len(descriptors))), axis=1)
    last = op.reduce_min(values, axes=[1], keepdims=1)
    chosen = op.greater_or_equal(similarity, last)
    return op.where(chosen, op.const(np.float32(0)), op.const(np.float32(EXCLUDED)))


class BankRows:
    """A bank (M, C), times scale, as one constant of the graph that may be read several times."""

    def __init__(self, bank: npt.NDArray[np.floating], scale: float) -> None:
        self.bank = bank
        self.scale = scale
        self.stored = as_float32(bank)

    def at(self, index: Var) -> Var:
        """Shape of index -> (*index, C) float32."""
        rows = op.gather(self.stored, index)
        return rows if self.scale == 1 else op.mul(rows, op.const(np.float32(self.scale)))

    def nearest(self, query: Var, start: int, stop: int) -> tuple[Var, Var]:
        """Index (n,) int64 of the nearest of a part of the rows, and the squared distance (n,) to
        it. query: (n, C)."""
        rows = self.bank[start:stop].astype(np.float32) * np.float32(self.scale)
        if coarse.suits(rows):
            candidates = op.add(coarse.candidates(query, rows), ints(start))
            return self._nearest_candidate(query, candidates)
        index = op.add(op.arg_min(self._gaps(query, start, stop), axis=1, keepdims=0), ints(start))
        apart = op.sub(query, self.at(index))
        return index, op.reduce_sum_square(apart, axes=[1], keepdims=0)

    def _nearest_candidate(self, query: Var, candidates: Var) -> tuple[Var, Var]:
        """candidates: (n, k) int64."""
        apart = op.sub(op.unsqueeze(query, ints(1)), self.at(candidates))
        squared = op.reduce_sum_square(apart, axes=[2], keepdims=0)
        least = op.reduce_min(squared, axes=[1], keepdims=1)
        equals = op.where(op.equal(squared, least), candidates, ints(len(self.bank)))
        return op.reduce_min(equals, axes=[1], keepdims=0), op.squeeze(least, ints(1))

    def _gaps(self, query: Var, start: int, stop: int) -> Var:
        """-2ab + b^2 of a part of the rows: squared distances (n, stop - start) over scale^2,
        without the norm of the query."""
        part = self.stored
        if stop - start < len(self.bank):
            part = op.slice(part, ints(start), ints(stop), ints(0))
        if self.scale != 1:
            query = op.mul(query, op.const(np.float32(1 / self.scale)))
        squares = np.sum(self.bank[start:stop].astype(np.float64) ** 2, axis=1)
        return op.gemm(query, part, op.const(squares.astype(np.float32)), alpha=-2.0, transB=1)


def closest(query: Var, rows: BankRows, patches: int) -> tuple[Var, Var]:
    """Index (N, P) int64 of the row nearest to each query, the lowest of equals, and the squared
    Euclidean distance (N, P) to it.

    query: (N, P, C). Differences of squares and 8-bit codes only choose the rows. The distance is
    computed from the difference of the vectors, because the difference of squares has no correct
    digit if the distance is small compared with the norms.
    """
    count, channels = rows.bank.shape
    flat = op.reshape(query, ints(-1, channels))
    parts = -(-patches * count // TABLE_CELLS)
    bounds = [count * index // parts for index in range(parts + 1)]
    nearest = [rows.nearest(flat, *bound) for bound in itertools.pairwise(bounds)]
    index, distance = nearest[0]
    for other, nearer in nearest[1:]:
        index = op.where(op.less(nearer, distance), other, index)
        distance = op.min([nearer, distance])
    return op.reshape(index, ints(-1, patches)), op.reshape(distance, ints(-1, patches))


def mean_of_largest(distances: Var, count: int, patches: int) -> Var:
    """Mean of the `count` largest of (N, P) distances -> (N,); of all if there are fewer."""
    if count == 1:
        return op.reduce_max(distances, axes=[1], keepdims=0)
    largest, _ = op.top_k(distances, ints(min(count, patches)), axis=1)
    return op.reduce_mean(largest, axes=[1], keepdims=0)


def reweight(
    query: Var,
    nearest: tuple[Var, Var],
    rows: BankRows,
    neighbours: npt.NDArray[np.int32],
    counted: npt.NDArray[np.float32],
) -> Var:
    """Image scores (N,) of PatchCore, section 3.3: the largest distance of a patch, times a weight.

    The weight is 1 - the softmax, at the row nearest to that patch, of the distances between the
    patch and the neighbours of that row.

    query: (N, P, C). nearest: index and squared distance of `closest`. neighbours: (M, b), b > 1,
    every row's nearest rows, itself first. counted: (P,), 0 for patches outside the region.
    """
    index, squared = nearest
    within = op.mul(squared, op.const(counted[None]))
    top = op.arg_max(within, axis=1, keepdims=1)
    chosen = op.cast(op.equal(op.const(np.arange(len(counted))[None]), top), to=np.float32)
    patch = op.matmul(op.unsqueeze(chosen, ints(1)), query)
    row = op.squeeze(op.gather_elements(index, top, axis=1), ints(1))
    around = rows.at(op.gather(op.const(neighbours), row))
    distances = op.reduce_l2(op.sub(patch, around), axes=[2], keepdims=0)
    share = op.slice(op.softmax(distances, axis=1), ints(0), ints(1), ints(1))
    weight = op.sub(op.const(np.float32(1)), op.squeeze(share, ints(1)))
    return op.mul(weight, op.sqrt(op.reduce_max(within, axes=[1], keepdims=0)))
