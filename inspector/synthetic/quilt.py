"""A large texture from small photographs by image quilting (Efros and Freeman, SIGGRAPH 2001)."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image

CANDIDATES: Final = 48

Floats = npt.NDArray[np.float32]


def quilt(
    photographs: Sequence[Image],
    hw: tuple[int, int],
    rng: np.random.Generator,
    *,
    block: int = 48,
    overlap: int = 14,
) -> Image:
    """(h, w, 3) uint8 made of blocks of the photographs (section 2 of the paper).

    Of CANDIDATES blocks drawn at random the one that agrees best with what is there already is
    laid, overlapping by `overlap` px and cut along the path on which both differ least.
    """
    least = min(min(photograph.shape[:2]) for photograph in photographs)
    if not overlap < block <= least:
        raise ValueError(f"blocks of {block} px do not fit into {least} px")
    library = [photograph.astype(np.float32) for photograph in photographs]
    step = block - overlap
    down, across = (-(-(size - overlap) // step) for size in hw)
    out = np.zeros((down * step + overlap, across * step + overlap, 3), np.float32)
    for row in range(down):
        for column in range(across):
            y, x = row * step, column * step
            there = out[y : y + block, x : x + block]
            edges = (overlap if row else 0, overlap if column else 0)
            patch = _best(library, there, edges, rng)
            keep = _kept(there, patch, edges)
            there[~keep] = patch[~keep]
    return out[: hw[0], : hw[1]].astype(np.uint8)


def _best(
    library: Sequence[Floats],
    there: Floats,
    edges: tuple[int, int],
    rng: np.random.Generator,
) -> Floats:
    """The block that differs least from the rows and columns that are laid already."""
    block = len(there)
    top, left = edges
    patches = []
    for number in rng.integers(0, len(library), CANDIDATES):
        height, width = library[number].shape[:2]
        y, x = rng.integers(0, (height - block + 1, width - block + 1))
        patches.append(library[number][y : y + block, x : x + block])
    costs = [
        _square(patch[:top] - there[:top]) + _square(patch[top:, :left] - there[top:, :left])
        for patch in patches
    ]
    return patches[int(np.argmin(costs))]


def _square(difference: Floats) -> float:
    flat = difference.ravel()
    return float(flat @ flat)


def _kept(there: Floats, patch: Floats, edges: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """(block, block), True where what is there stays: above the upper and left of the left cut."""
    block, (top, left) = len(there), edges
    keep = np.zeros((block, block), bool)
    if left:
        error = ((there[:, :left] - patch[:, :left]) ** 2).sum(axis=2)
        keep[:, :left] |= np.arange(left) < _cut(error)[:, None]
    if top:
        error = ((there[:top] - patch[:top]) ** 2).sum(axis=2).T
        keep[:top] |= (np.arange(top) < _cut(error)[:, None]).T
    return keep


def _cut(error: Floats) -> npt.NDArray[np.intp]:
    """Column of the cheapest path from the first to the last row; (n, m) -> (n,)."""
    rows, columns = error.shape
    padded = np.full((rows, columns + 2), np.inf, np.float32)
    padded[0, 1:-1] = error[0]
    for row in range(1, rows):
        above = padded[row - 1]
        padded[row, 1:-1] = error[row] + np.minimum(np.minimum(above[:-2], above[1:-1]), above[2:])
    path = np.empty(rows, np.intp)
    path[-1] = int(np.argmin(padded[-1]))
    for row in range(rows - 2, -1, -1):
        low = path[row + 1] - 1
        path[row] = low + int(np.argmin(padded[row, low : low + 3]))
    return path - 1
