"""Search of the nearest vector of a bank in numpy, with bounded memory, for scoring normals."""

from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

TABLE_CELLS: Final = 8_000_000
"""Most queries x bank rows that are compared at once (32 MB of float32)."""


def closest(query: Array, bank: Array) -> tuple[Indices, Array]:
    """Index of the row nearest to each of (P, C), the lowest of equals, and the squared distance,
    computed from their difference. bank: (M, C)."""
    squares = np.einsum("ij,ij->i", bank, bank)
    index = np.empty(len(query), np.int64)
    step = max(1, TABLE_CELLS // len(bank))
    for start in range(0, len(query), step):
        gaps = query[start : start + step] @ bank.T
        gaps *= -2
        gaps += squares
        index[start : start + step] = gaps.argmin(axis=1)
    difference = query - bank[index]
    return index, np.einsum("ij,ij->i", difference, difference)
