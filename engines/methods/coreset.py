"""Thinning of a bank by greedy k-centre: keep what is farthest from everything kept so far.

Each kept vector is within the covering radius of every dropped one, so that a score (1 - cosine)
can rise by a bounded amount only. See PatchCore (CVPR 2022), section 3.2.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

CANDIDATES: Final = 12_000
"""Most vectors of a whole-picture bank that take part; more are drawn from at random."""

CELLS_AT_ONCE: Final = 64
"""Cells whose Gram matrices are held together (64 x 400 x 400 float32 are 41 MB)."""


def thin_cells(bank: Array, keep: int) -> tuple[Array, float]:
    """(P, C, N) unit vectors -> (P, C, keep) and the covering radius, in 1 - cosine.

    Every cell is thinned by itself, beginning with its first picture; ties take the lowest index.
    """
    cells, channels, _ = bank.shape
    thinned = np.empty((cells, channels, keep), np.float32)
    radius = 0.0
    for start in range(0, cells, CELLS_AT_ONCE):
        part = bank[start : start + CELLS_AT_ONCE]
        chosen, covering = _greedy_gram(part.transpose(0, 2, 1) @ part, keep)
        thinned[start : start + CELLS_AT_ONCE] = np.take_along_axis(
            part, chosen[:, None, :], axis=2
        )
        radius = max(radius, covering)
    return thinned, radius


def _greedy_gram(gram: Array, keep: int) -> tuple[npt.NDArray[np.int64], float]:
    """gram: (P, N, N) cosines -> chosen (P, keep), and the largest 1 - cosine left."""
    rows = np.arange(len(gram))
    chosen = np.zeros((len(gram), keep), np.int64)
    closest = gram[:, 0, :].copy()
    for index in range(1, keep):
        chosen[:, index] = np.argmin(closest, axis=1)
        np.maximum(closest, gram[rows, chosen[:, index]], out=closest)
    return chosen, float(1 - closest.min())


def thin(vectors: Array, keep: int, seed: int) -> tuple[Array, float]:
    """(M, C) unit vectors -> (keep, C) and the covering radius over all M, in 1 - cosine."""
    random = np.random.default_rng(seed)
    pool = vectors
    if len(vectors) > CANDIDATES:
        drawn = np.sort(random.choice(len(vectors), max(CANDIDATES, keep), replace=False))
        pool = vectors[drawn]
    chosen = np.zeros(keep, np.int64)
    closest = pool @ pool[0]
    for index in range(1, keep):
        chosen[index] = np.argmin(closest)
        np.maximum(closest, pool @ pool[chosen[index]], out=closest)
    kept = pool[chosen]
    return kept, covering_radius(vectors, kept)


def covering_radius(vectors: Array, kept: Array) -> float:
    """Largest 1 - cosine from any of the vectors (M, C) to the nearest kept one (K, C)."""
    least = 1.0
    for start in range(0, len(vectors), 4096):
        least = min(least, float((vectors[start : start + 4096] @ kept.T).max(axis=1).min()))
    return 1 - least
