"""Thinning of a bank by greedy k-centre: keep what is farthest from everything kept so far.

Each kept vector is within the covering radius of every dropped one, so that a score (1 - cosine)
can rise by a bounded amount only. See PatchCore (CVPR 2022), section 3.2.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

CANDIDATES: Final = 20_000
"""Most vectors of a whole-picture bank that take part; more are drawn from at random."""

SHORTLIST: Final = 256

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
    """(M, C) unit vectors -> (keep, C) and the covering radius over the CANDIDATES that took
    part, in 1 - cosine.

    Lazy but exact: distances to what is kept only shrink, so as long as the farthest of the
    SHORTLIST is no nearer than the shortlist's limit was, it is the farthest of all. Only when it
    falls below are all distances brought up to date, by one matrix product for many choices.
    """
    pool = vectors
    if len(vectors) > CANDIDATES:
        most = max(CANDIDATES, keep)
        drawn = np.random.default_rng(seed).choice(len(vectors), most, replace=False)
        pool = vectors[np.sort(drawn)]
    chosen = [0]
    closest = pool @ pool[0]
    while len(chosen) < keep:
        found = _next_farthest(pool, closest, keep - len(chosen))
        np.maximum(closest, (pool @ pool[found].T).max(axis=1), out=closest)
        chosen += found
    return pool[chosen], float(1 - closest.min())


def _next_farthest(pool: Array, closest: Array, most: int) -> list[int]:
    """At least one and at most `most` next choices of the greedy rule."""
    size = min(SHORTLIST, len(pool))
    shortlist = np.sort(np.argpartition(closest, size - 1)[:size])
    near = closest[shortlist]
    limit = near.max()
    gram = pool[shortlist] @ pool[shortlist].T
    found: list[int] = []
    while len(found) < most:
        farthest = int(np.argmin(near))
        if found and near[farthest] > limit:
            break
        found.append(int(shortlist[farthest]))
        np.maximum(near, gram[farthest], out=near)
        near[farthest] = np.inf
    return found
