"""Makes a large texture from small photographs by image quilting.

Source: Efros and Freeman, "Image Quilting for Texture Synthesis and Transfer", SIGGRAPH 2001.
"""

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
    """Makes a texture (h, w, 3) uint8 from blocks of the photographs (section 2 of the paper).

    For each place it draws CANDIDATES random blocks and takes the block that fits best to its
    neighbours. Blocks overlap by `overlap` px and are cut along the path of least difference.
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
            target = out[y : y + block, x : x + block]
            edges = (overlap if row else 0, overlap if column else 0)
            patch = _best_block(library, target, edges, rng)
            keep = _kept_pixels(target, patch, edges)
            target[~keep] = patch[~keep]
    return out[: hw[0], : hw[1]].astype(np.uint8)


def _best_block(
    library: Sequence[Floats],
    target: Floats,
    edges: tuple[int, int],
    rng: np.random.Generator,
) -> Floats:
    """The block that differs least from the rows and columns that are already filled."""
    block = len(target)
    top, left = edges
    patches = []
    for number in rng.integers(0, len(library), CANDIDATES):
        height, width = library[number].shape[:2]
        y, x = rng.integers(0, (height - block + 1, width - block + 1))
        patches.append(library[number][y : y + block, x : x + block])
    costs = [
        _square(patch[:top] - target[:top]) + _square(patch[top:, :left] - target[top:, :left])
        for patch in patches
    ]
    return patches[int(np.argmin(costs))]


def _square(difference: Floats) -> float:
    flat = difference.ravel()
    return float(flat @ flat)


def _kept_pixels(target: Floats, patch: Floats, edges: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """(block, block), True where the old pixel stays: above the top or left of the left cut."""
    block, (top, left) = len(target), edges
    keep = np.zeros((block, block), bool)
    if left:
        error = ((target[:, :left] - patch[:, :left]) ** 2).sum(axis=2)
        keep[:, :left] |= np.arange(left) < _cut(error)[:, None]
    if top:
        error = ((target[:top] - patch[:top]) ** 2).sum(axis=2).T
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
