"""Thins a bank by greedy k-centre: the next vector is always the one farthest from the chosen ones.

Every dropped vector is within the covering radius of a kept one, so a score (1 - cosine) can rise
by a bounded amount only. See PatchCore (CVPR 2022), section 3.2.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.core.errors import ConfigError
from learning.options import number

Array = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

CANDIDATES: Final = 20_000
"""Largest number of vectors of a whole-picture bank that take part. Of more vectors, so many are
drawn at random."""

SHORTLIST: Final = 256

SAME: Final = 1e-6
"""Squared distances up to this, in squared norms, may be rounding errors."""

CELLS_AT_ONCE: Final = 64
"""Cells whose Gram matrices are held together (64 x 400 x 400 float32 are 41 MB)."""


def share_of_rows(text: str) -> float:
    """Parses the option coreset. Raises ConfigError for anything but a number from 0 to 1."""
    share = number(text)
    if not 0 <= share <= 1:
        raise ConfigError(f"coreset must lie within 0 and 1, not {text}")
    return share


def rows_to_keep(count: int, share: float, most: int) -> int:
    """Rows of a bank of `count` that are kept. share: 0 or 1 for all. most: 0 for no limit."""
    limit = int(count * share) if 0 < share < 1 else count
    return max(1, min(limit, most or count))


def thin_cells(bank: Array, keep: int) -> tuple[Array, float]:
    """(P, C, N) unit vectors -> (P, C, keep) and the covering radius, in 1 - cosine.

    Every cell is thinned separately, beginning with its first picture; ties take the lowest index.
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
    part, in 1 - cosine."""
    pool = vectors[draw(len(vectors), max(CANDIDATES, keep), seed)]
    chosen, squared = greedy(pool, keep)
    return pool[chosen], squared / 2


def draw(count: int, most: int, seed: int) -> Indices:
    """All of 0..count-1, or `most` of them drawn at random, in rising order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def project(vectors: Array, dims: int, seed: int) -> Array:
    """(M, C) -> (M, dims) by a matrix of N(0, 1 / dims), which keeps Euclidean distances in the
    mean (Johnson and Lindenstrauss); vectors with dims columns or fewer are not changed."""
    if vectors.shape[1] <= dims:
        return vectors
    random = np.random.default_rng(seed)
    matrix = random.normal(0, dims**-0.5, (vectors.shape[1], dims))
    return vectors @ matrix.astype(np.float32)


def greedy(pool: Array, keep: int) -> tuple[Indices, float]:
    """Indices of `keep` rows of (M, C), and the largest squared distance that any row has to them.

    The first row is kept, then always the row farthest from all kept ones, the lowest index among
    equals. The search is lazy but exact. Distances to the kept rows only shrink. So the farthest
    row of the SHORTLIST is the farthest of all, as long as it is farther than every row outside the
    SHORTLIST was. When it is not, all distances are updated, by one matrix product for many
    choices; this needs M * SHORTLIST numbers beside the pool. If a few rows cover all others, as
    with copies of a few vectors, the first of the others are added.
    """
    squares = np.einsum("ij,ij->i", pool, pool)
    apart = np.full(len(pool), np.inf, np.float32)
    farthest = np.zeros(1, np.int64)
    chosen = []
    while True:
        chosen.append(farthest)
        near = (-2 * pool[farthest]) @ pool.T
        near += squares[farthest, None]
        np.minimum(apart, near.min(axis=0) + squares, out=apart)
        selected = np.concatenate(chosen)
        left = keep - len(selected)
        if left == 0 or apart.max() <= SAME * squares.max():
            others = np.setdiff1d(np.arange(len(pool)), selected)[:left]
            return np.concatenate([selected, others]), max(0.0, float(apart.max()))
        farthest = _next_farthest(pool, squares, apart, left)


def _next_farthest(pool: Array, squares: Array, apart: Array, most: int) -> Indices:
    """At least one and at most `most` next choices of the greedy rule."""
    size = min(SHORTLIST, len(pool) - 1)
    order = np.argpartition(apart, len(pool) - size - 1)
    limit = apart[order[-size - 1]]
    listed = np.union1d(order[len(pool) - size :], apart.argmax())
    near = apart[listed]
    part = pool[listed]
    between = squares[listed] - 2 * (part @ part.T) + squares[listed, None]
    picked: list[int] = []
    while len(picked) < most:
        farthest = int(np.argmax(near))
        if picked and near[farthest] <= limit:
            break
        picked.append(int(listed[farthest]))
        np.minimum(near, between[farthest], out=near)
        near[farthest] = -np.inf
    return np.array(picked)
