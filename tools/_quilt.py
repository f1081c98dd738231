"""A large texture from a small photograph by image quilting (Efros and Freeman, SIGGRAPH 2001)."""

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image

Floats = npt.NDArray[np.float32]


def quilt(
    photograph: Image,
    hw: tuple[int, int],
    rng: np.random.Generator,
    *,
    block: int = 48,
    overlap: int = 14,
    candidates: int = 48,
) -> Image:
    """(h, w, 3) uint8 made of blocks of the photograph (section 2 of the paper).

    Of `candidates` blocks drawn at random the one that agrees best with what is there already is
    laid, overlapping by `overlap` px and cut along the path on which both differ least.
    """
    height, width = photograph.shape[:2]
    if not overlap < block <= min(height, width):
        raise ValueError(f"blocks of {block} px do not fit into {width}x{height} px")
    library = photograph.astype(np.float32)
    step = block - overlap
    down, across = (-(-(size - overlap) // step) for size in hw)
    out = np.zeros((down * step + overlap, across * step + overlap, 3), np.float32)
    for row in range(down):
        for column in range(across):
            y, x = row * step, column * step
            there = out[y : y + block, x : x + block]
            edges = (overlap if row else 0, overlap if column else 0)
            patch = _best(library, there, edges, rng, candidates)
            keep = _kept(there, patch, edges)
            there[~keep] = patch[~keep]
    return out[: hw[0], : hw[1]].astype(np.uint8)


def _best(
    library: Floats,
    there: Floats,
    edges: tuple[int, int],
    rng: np.random.Generator,
    candidates: int,
) -> Floats:
    """The block that differs least from the rows and columns that are laid already."""
    block = len(there)
    top, left = edges
    tops = rng.integers(0, library.shape[0] - block + 1, candidates)
    lefts = rng.integers(0, library.shape[1] - block + 1, candidates)
    patches = [library[y : y + block, x : x + block] for y, x in zip(tops, lefts, strict=True)]
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
