"""Draws each rendered defect enlarged, with its true and its measured outline."""

from collections.abc import Sequence

import cv2
import numpy as np

from inspector.core.arrays import Image
from inspector.core.geometry import Points
from inspector.core.picture_grid import BACKGROUND, join_rows
from inspector.synthetic.rendered_defects import RenderedDefect
from inspector.synthetic.truth import MeasuredRegion

TILE_HW = (300, 400)
TRUE_BGR, MEASURED_BGR = (80, 230, 80), (60, 60, 255)
_BAR = 26
_GAP = 4


def draw_tile(
    image: Image, truth: RenderedDefect, regions: Sequence[MeasuredRegion], label: str
) -> Image:
    """Draws the surroundings of a defect at TILE_HW under a line of text. image: the frame."""
    height, width = TILE_HW
    x0, y0, x1, y1 = truth.bounds
    zoom = min(width / (1.3 * (x1 - x0) + 24), height / (1.3 * (y1 - y0) + 24))
    centre = np.array(((x0 + x1) / 2, (y0 + y1) / 2))
    shift = np.array((width / 2, height / 2)) - zoom * centre
    # (0, 0) is the corner of the first pixel here, and its centre in cv2.
    move = np.array(((zoom, 0, shift[0] + zoom / 2 - 0.5), (0, zoom, shift[1] + zoom / 2 - 0.5)))
    method = cv2.INTER_LINEAR if zoom > 1 else cv2.INTER_AREA
    view = cv2.warpAffine(image, move, (width, height), flags=method)
    _draw(view, truth.polygon * zoom + shift, TRUE_BGR)
    for region in regions:
        for polygon in region.polygons:
            _draw(view, polygon * zoom + shift, MEASURED_BGR)
    return np.concatenate((_draw_text(label, width), view))


def draw_sheet(grid: Sequence[Sequence[Image]]) -> Image:
    """Draws rows of tiles, one row per kind, under a legend."""
    tiles = join_rows(grid, _GAP)
    half = tiles.shape[1] // 2
    legend = [
        _draw_text("true outline", half, TRUE_BGR),
        _draw_text("measured outline", tiles.shape[1] - half, MEASURED_BGR),
    ]
    return join_rows([legend, [tiles]])


def _draw(view: Image, polygon: Points, bgr: tuple[int, int, int]) -> None:
    points = np.rint((polygon - 0.5) * 16).astype(np.int32)
    cv2.polylines(view, [points], True, bgr, 1, cv2.LINE_AA, shift=4)


def _draw_text(text: str, width: int, bgr: tuple[int, int, int] = (230, 230, 230)) -> Image:
    bar = np.full((_BAR, width, 3), BACKGROUND, np.uint8)
    cv2.putText(bar, text, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.48, bgr, 1, cv2.LINE_AA)
    return bar
