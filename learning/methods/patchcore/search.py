"""Neighbours and weights of PatchCore's score in numpy, with bounded memory."""

import numpy as np
import numpy.typing as npt

from learning.methods.closest import TABLE_CELLS, Indices

Array = npt.NDArray[np.float32]


def neighbours_of(bank: Array, rows: Indices, count: int) -> npt.NDArray[np.int32]:
    """(len(rows), count): the nearest rows of the bank to each of `rows`, itself first, then by
    distance and index. float64, so that a table of them equals a search by differences."""
    wide = bank.astype(np.float64)
    squares = np.einsum("ij,ij->i", wide, wide)
    neighbours = np.empty((len(rows), count), np.int32)
    step = max(1, TABLE_CELLS // len(bank))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        gaps = squares - 2 * (wide[part] @ wide.T)
        gaps[np.arange(len(part)), part] = -np.inf
        near = np.sort(np.argpartition(gaps, count - 1, axis=1)[:, :count], axis=1)
        order = np.argsort(np.take_along_axis(gaps, near, axis=1), axis=1, kind="stable")
        neighbours[start : start + step] = np.take_along_axis(near, order, axis=1)
    return neighbours


def mean_of_largest(distances: Array, count: int) -> float:
    """Mean of the `count` largest of (P,) distances; of all if there are fewer."""
    count = min(count, len(distances))
    return float(np.partition(distances, -count)[-count:].mean())


def reweighting(patch: Array, bank: Array, row: int, count: int) -> float:
    """1 - softmax at `row` of the distances from patch (C,) to the `count` neighbours of `row`."""
    around = neighbours_of(bank, np.array([row]), count)[0]
    distances = np.linalg.norm(patch - bank[around], axis=1)
    powers = np.exp(distances - distances.max())
    return float(1 - powers[0] / powers.sum())
