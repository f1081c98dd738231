"""Cuts one defect out of its frame, and draws the close-up with outline and label."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np

from inspector.core.arrays import Image
from inspector.core.geometry import Affine
from inspector.core.types import Defect
from inspector.render.canvas import Canvas, Font, round_up_to_even
from inspector.render.header import BACKGROUND, INK
from inspector.render.overlay import draw_defects

LEAST_PX: Final = 320
"""Smallest width of a panel. A small cut-out is enlarged."""

MOST_PX: Final = 720
"""Largest side of a cut-out. A larger one is scaled down."""

_MARGIN_SHARE: Final = 0.4
"""Margin around the box of the defect, in shares of its longer side."""
_MARGIN_PX: Final = (16, 96)
"""Smallest and largest margin, in frame pixels."""
_LEAST_SIDE_PX: Final = 48
"""Smallest side of a cut-out in frame pixels, so that it shows some of the surroundings."""
_LEAST_ASPECT: Final = 1 / 4
"""A cut-out has at least this shorter side, in shares of the longer side."""
_GAP_PX: Final = 6
_CAP_PX: Final = 10


@dataclass(frozen=True, slots=True)
class CutOut:
    """A part of a frame around a defect.

    image: (h, w, 3) uint8 BGR, a copy, at most MOST_PX on each side. to_image: frame pixels ->
    pixels of the image.
    """

    image: Image
    to_image: Affine


def cut_out(image: Image, defect: Defect) -> CutOut:
    """Copies the surroundings of a defect. image: the frame, (H, W, 3) uint8 BGR."""
    x0, y0, x1, y1 = defect.box_px
    least, most = _MARGIN_PX
    margin = min(max(_MARGIN_SHARE * max(x1 - x0, y1 - y0), least), most)
    longer = max(x1 - x0, y1 - y0) + 2 * margin
    shortest = max(_LEAST_SIDE_PX, longer * _LEAST_ASPECT)
    left, right = _span(x0 - margin, x1 + margin, shortest, image.shape[1])
    top, bottom = _span(y0 - margin, y1 + margin, shortest, image.shape[0])
    part = image[top:bottom, left:right]
    shrink = min(1.0, MOST_PX / max(part.shape[:2]))
    if shrink < 1.0:
        size = (max(1, round(part.shape[1] * shrink)), max(1, round(part.shape[0] * shrink)))
        small = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    else:
        small = part.copy()
    to_box = (0.0, 0.0, float(small.shape[1]), float(small.shape[0]))
    to_image = Affine.between((bottom - top, right - left), to_box).after(
        Affine(1.0, 1.0, -left, -top)
    )
    return CutOut(small, to_image)


def _span(low: float, high: float, shortest: float, length: int) -> tuple[int, int]:
    """Grows an interval to `shortest` and moves it into the frame."""
    missing = max(0.0, shortest - (high - low)) / 2
    start, end = math.floor(low - missing), math.ceil(high + missing)
    start, end = start + max(0, -start), end + max(0, -start)
    start, end = start - max(0, end - length), min(end, length)
    return max(0, start), end


def draw_close_up(part: CutOut, defect: Defect, lines: Sequence[str]) -> Image:
    """The clean cut-out and the same with the outline, below the lines of text.

    The panels are beside each other, or below each other if they are wide. defect: as it was seen
    in the frame of the cut-out. Returns a new (h, w, 3) uint8 BGR array.
    """
    clean, to_panel = _enlarge(part)
    height, width = clean.shape[:2]
    below = width > 1.5 * height
    step_x, step_y = (0, height + _GAP_PX) if below else (width + _GAP_PX, 0)
    total_width, font = width + step_x, _font()
    text_width = total_width - 2 * font.pad_px
    text = [row for line in lines for row in font.wrap(line, text_width)]
    top = len(text) * font.line_px
    canvas = Canvas((round_up_to_even(top + height + step_y), round_up_to_even(total_width)))
    canvas.fill((0, 0, canvas.hw[1], canvas.hw[0]), BACKGROUND)
    for number, row in enumerate(text):
        canvas.text(row, font.pad_px, number * font.line_px, font, INK)
    picture = canvas.bgr()
    _paste(picture, clean, 0, top)
    _paste(picture, _outline(clean, defect, to_panel), step_x, top + step_y)
    return picture


@cache
def _font() -> Font:
    """OpenCV loads its font in each thread that draws text, which takes 6 MB."""
    return Font(_CAP_PX)


def _enlarge(part: CutOut) -> tuple[Image, Affine]:
    """The cut-out with at least LEAST_PX in width, and the map from frame pixels to it."""
    height, width = part.image.shape[:2]
    if width >= LEAST_PX:
        return part.image, part.to_image
    size = (LEAST_PX, round(height * LEAST_PX / width))
    large = np.asarray(cv2.resize(part.image, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    return large, Affine(size[0] / width, size[1] / height).after(part.to_image)


def _outline(clean: Image, defect: Defect, to_panel: Affine) -> Image:
    """A copy of a panel with the outline of the defect."""
    height, width = clean.shape[:2]
    right, bottom = round_up_to_even(width) - width, round_up_to_even(height) - height
    even = cv2.copyMakeBorder(clean, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    canvas = Canvas((even.shape[0], even.shape[1]))
    cv2.cvtColor(even, cv2.COLOR_BGR2YUV_I420, dst=canvas.buffer)
    draw_defects(canvas, (defect,), [to_panel], 2)
    return canvas.bgr()[:height, :width]


def _paste(picture: Image, panel: Image, left: int, top: int) -> None:
    picture[top : top + panel.shape[0], left : left + panel.shape[1]] = panel
