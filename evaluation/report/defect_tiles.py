"""Draws small pictures of simulated defects, each beside the good picture without the defect."""

from typing import Final

import cv2
import numpy as np

from evaluation.report.panels import encode_panel
from inspector.core.arrays import Image, Mask
from inspector.core.picture_grid import join_rows
from inspector.report.markup import TRUTH_RGB, Markup, element

TILE_PX: Final = 180
"""Longer side of a tile."""

LEAST_WINDOW: Final = 96
"""Shorter side of the part of a picture that a tile shows, px."""

OUTLINE_BGR: Final = tuple(bytes.fromhex(TRUTH_RGB)[::-1])


def draw_pair(good: Image, bad: Image, mask: Mask) -> Image:
    """(h, w, 3) uint8 BGR: the part of the good picture around the defect, and the same part with
    the defect, which is outlined. good, bad: (H, W, 3) uint8 RGB. mask: (H, W) of the defect."""
    window = _window(mask)
    return join_rows([[draw_tile(good[window]), draw_tile(bad[window], mask[window])]], gap=4)


def draw_tile(pixels: Image, mask: Mask | None = None, side: int = TILE_PX) -> Image:
    """BGR of the RGB pixels, enlarged or reduced to the longer side, with the outline of the
    mask."""
    scale = side / max(pixels.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    tile = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=method)
    if mask is not None:
        size = (tile.shape[1], tile.shape[0])
        # No defect is lost when the mask is reduced.
        shares = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        # The outline lies outside the defect, so that a thin one stays visible.
        around = cv2.dilate((shares > 0).astype(np.uint8), np.ones((9, 9), np.uint8))
        outlines, _ = cv2.findContours(around, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        for colour, width in (((0, 0, 0), 3), (OUTLINE_BGR, 1)):
            cv2.drawContours(tile, outlines, -1, colour, width, cv2.LINE_AA)
    return np.asarray(tile, np.uint8)


def tile_figure(caption: str, bgr: Image) -> Markup:
    panel = encode_panel(bgr, caption)
    width, height = panel.size
    image = element("img", src=panel.uri, width=width, height=height, alt=caption)
    return element("figure", image, element("figcaption", caption))


def _window(mask: Mask) -> tuple[slice, slice]:
    """The part of the picture around the defect, three times as large."""
    cells = np.argwhere(mask)
    low, high = cells.min(axis=0), cells.max(axis=0) + 1
    side = max(LEAST_WINDOW, 3 * int((high - low).max()))
    slices = []
    for start, end, length in zip(low, high, mask.shape, strict=True):
        first = int(np.clip((start + end - side) // 2, 0, max(length - side, 0)))
        slices.append(slice(first, min(first + side, length)))
    return slices[0], slices[1]
