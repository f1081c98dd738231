"""Lays pictures out in rows, for contact sheets."""

from collections.abc import Sequence

import numpy as np

from inspector.core.arrays import Image

BACKGROUND = 30
"""Grey level between the pictures."""


def join_rows(rows: Sequence[Sequence[Image]], gap: int = 0) -> Image:
    """One picture of rows of pictures, each (h, w, 3) uint8.

    A row is as high as its highest picture. gap: px between pictures and between rows.
    """
    heights = [max(tile.shape[0] for tile in row) for row in rows]
    widths = [sum(tile.shape[1] for tile in row) + gap * (len(row) - 1) for row in rows]
    hw = (sum(heights) + gap * (len(rows) - 1), max(widths))
    out = np.full((*hw, 3), BACKGROUND, np.uint8)
    y = 0
    for row, height in zip(rows, heights, strict=True):
        x = 0
        for tile in row:
            out[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
            x += tile.shape[1] + gap
        y += height + gap
    return out
