"""The bank of PatchCore: patches of the normal pictures, thinned, centred and stored."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.core.errors import DataError
from learning.graph.patch_embedding import Grid, PatchEmbedding
from learning.methods import coreset
from learning.methods.base import Embeddings
from learning.methods.patchcore.options import RANDOM

PROJECTION: Final = 128
"""Columns that the coreset is chosen by, if patches have at least twice as many."""

PICTURES_AT_ONCE: Final = 8
"""Pictures whose patches are joined together while rows are drawn."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PatchCoreModel:
    """bank: (M, D) minus `centre` (D,), divided by `scale`, in the stored precision. scale is 1 for
    float32, and the largest norm for float16, so that products of two rows stay below 1. basis:
    (D, d), by which patches and bank are multiplied; the bank is then (M, d). None leaves them as
    they are.

    grids: of the layers. candidates: how many of the rows took part in choosing the bank.
    covering: largest distance of a candidate to the bank, of the vectors that the bank was chosen
    by, projected if `projected`.
    """

    bank: npt.NDArray[np.floating]
    centre: Array
    scale: float
    grids: dict[str, Grid]
    pictures: int
    candidates: int
    covering: float
    projected: bool
    basis: Array | None = None

    @property
    def grid_hw(self) -> Grid:
        """Of the patches: the first layer's."""
        return next(iter(self.grids.values()))

    def rows(self) -> Array:
        """(M, D) float32: the bank as patches are compared with it, minus the centre."""
        return self.bank.astype(np.float32) * np.float32(self.scale)

    def whole_rows(self) -> npt.NDArray[np.float64]:
        """(M, d) float64: the bank as reduced patches are, without a centre."""
        centre = self.centre.astype(np.float64)
        return self.rows() + (centre if self.basis is None else centre @ self.basis)


def patches(
    joining: PatchEmbedding, embeddings: Embeddings, numbers: npt.NDArray[np.int64]
) -> Array:
    """(len(numbers), D): the patches of these numbers, which are counted picture by picture and
    rise."""
    layers = list(embeddings.values())
    cells = layers[0].shape[2] * layers[0].shape[3]
    rows = np.empty((len(numbers), joining.dims), np.float32)
    for start in range(0, len(layers[0]), PICTURES_AT_ONCE):
        joined = joining.join_layers([layer[start : start + PICTURES_AT_ONCE] for layer in layers])
        first, last = np.searchsorted(numbers, (start * cells, (start + len(joined)) * cells))
        picture, cell = np.divmod(numbers[first:last] - start * cells, cells)
        rows[first:last] = joined.reshape(*joined.shape[:2], cells)[picture, :, cell]
    return rows


def make_basis(pool: Array, reduction: str, dims: int, seed: int) -> Array | None:
    """(D, dims) for patches (n, D); None for reduction none. pca: the directions in which the pool
    varies most. random: see coreset.project. Raises DataError if D is not above dims."""
    if reduction == "none":
        return None
    length = pool.shape[1]
    if length <= dims:
        raise DataError(f"patches of {length} values cannot be reduced to {dims}: give fewer dims")
    if reduction == RANDOM:
        return coreset.project(np.eye(length, dtype=np.float32), dims, seed)
    _, vectors = np.linalg.eigh(np.cov(pool.T.astype(np.float64)))
    return np.ascontiguousarray(vectors[:, : -dims - 1 : -1], np.float32)


def build(
    pool: Array,
    guide: Array,
    keep: int,
    seed: int,
    *,
    precision: str,
    grids: dict[str, Grid],
    pictures: int,
    basis: Array | None = None,
) -> PatchCoreModel:
    """pool: (candidates, D), of which `keep` rows become the bank. guide: the same shape, by which
    they are chosen."""
    bank, covering = pool, 0.0
    length = pool.shape[1] if basis is None else basis.shape[1]
    projected = keep < len(pool) and length >= 2 * PROJECTION
    if keep < len(pool):
        if basis is not None:
            guide = (guide - guide.mean(axis=0)) @ basis
        if projected:
            guide = coreset.project(guide, PROJECTION, seed)
        chosen, squared = coreset.greedy(guide, keep)
        bank, covering = pool[chosen], squared**0.5
    centre = bank.mean(axis=0)
    bank = bank - centre
    if basis is not None:
        bank = bank @ basis
    scale = 1.0
    if precision == "float16":
        scale = float(np.linalg.norm(bank, axis=1).max()) or 1.0
    return PatchCoreModel(
        bank=(bank / np.float32(scale)).astype(precision),
        centre=centre,
        scale=scale,
        grids=grids,
        pictures=pictures,
        candidates=len(pool),
        covering=covering,
        projected=projected,
        basis=basis,
    )


def cells_under(grid_hw: Grid, map_hw: Grid) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Row and column of the grid under each row and column of the map."""
    rows, columns = (np.arange(map_hw[axis]) * grid_hw[axis] // map_hw[axis] for axis in (0, 1))
    return rows, columns
