"""Which contrast of lines is usual in good pictures, in numpy."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Mask
from learning.graph.maps import cell_share

HIGHEST: Final = 100
"""One of so many good pictures may be above the limits, so that single odd ones do not set them."""

LEAST: Final = 0.005
"""Lowest limit. A contrast of half a percent is noise."""

Array = npt.NDArray[np.float32]


def usual_contrast(contrasts: Array, counted: Array, *, anywhere: bool) -> Array:
    """The limits, (DIRECTIONS, h, w), or (DIRECTIONS, 1, 1) if they are the same anywhere.

    contrasts: (n, DIRECTIONS, h, w) of good pictures. counted: (h, w), 1 for the cells that count.
    A limit is the largest contrast of the good pictures in a cell and its neighbours, because parts
    move by some pixels. The mean contrast is added, because a cell where the good pictures happen
    to show nothing would have a limit of 0.
    """
    mean = np.float32(max(LEAST, contrasts[:, :, counted > 0].mean(dtype=np.float64)))
    if anywhere:
        return np.median((contrasts * counted).max(axis=(2, 3)), axis=0)[:, None, None] + mean
    rank = len(contrasts) - 1 - len(contrasts) // HIGHEST
    largest = np.partition(contrasts, rank, axis=0)[rank]
    around = [cv2.dilate(np.ascontiguousarray(grid), np.ones((3, 3), np.uint8)) for grid in largest]
    return np.asarray(np.stack(around) + mean, np.float32)


def excess(contrasts: Array, limits: Array, counted: Array) -> Array:
    """(n, DIRECTIONS, h, w) -> (n, h, w): contrast as a multiple of the limit, the largest of all
    directions; 0 for the cells that do not count."""
    return np.asarray((contrasts * (1 / limits)).max(axis=1) * counted, np.float32)


def counted_cells(inside: Mask | None, grid_hw: tuple[int, int]) -> Array:
    """(h, w): 1 for the cells that lie inside the region with all of their neighbours, else 0. The
    edge of the region is a line in the picture that the engine sees. inside: (H, W), None is all.
    """
    if inside is None:
        return np.ones(grid_hw, np.float32)
    whole = (cell_share(inside, grid_hw) > 1 - 1e-6).astype(np.uint8)
    return np.asarray(cv2.erode(whole, np.ones((3, 3), np.uint8)), np.float32)
