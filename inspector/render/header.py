"""Draws the header above the panels: verdict, score, frame, time, latency, colour scale."""

import math
from typing import Final

import cv2
import numpy as np

from inspector.core.types import Inspection, Verdict
from inspector.render.canvas import Canvas, Colour, Font, round_up_to_even
from inspector.render.colormap import heat_bgr, scale_position

VERDICT_COLOURS: Final[dict[Verdict, Colour]] = {
    Verdict.PASS: Colour.of("1f8a43"),
    Verdict.FAIL: Colour.of("d62828"),
    Verdict.ERROR: Colour.of("8a4fd0"),
}
BACKGROUND: Final = Colour(28)
INK: Final = 225
_WIDTH_IN_CAPS: Final = 95
"""Width of the longest usual header, in heights of its letters (measured)."""
_MAX_ROWS: Final = 3


class Header:
    """height: of the header in px; even, and constant during a run.

    below: height of the panels, even. With the header it is a multiple of 4. PyAV (18.1) copies
    pictures of other heights, which takes 0.8 ms at 1920x558.
    """

    def __init__(
        self, width: int, font: Font, display_range: tuple[float, float], below: int
    ) -> None:
        self._width = width
        self._font = font
        self._range = display_range
        self._rows = min(math.ceil(_WIDTH_IN_CAPS * font.cap_px / width), _MAX_ROWS)
        height = round_up_to_even(self._rows * font.line_px)
        self.height = height + (height + below) % 4
        self._verdict_width = round_up_to_even(font.width(Verdict.ERROR) + 4 * font.pad_px)

    def draw(self, canvas: Canvas, inspection: Inspection, note: str) -> None:
        font = self._font
        canvas.fill((0, 0, self._width, self.height), BACKGROUND)
        colour = VERDICT_COLOURS[inspection.verdict]
        canvas.fill((0, 0, self._verdict_width, self.height), colour)
        inset = (self._verdict_width - font.width(inspection.verdict)) // 2
        top = (self.height - font.line_px) // 2
        canvas.text(inspection.verdict, inset, top, font, colour.ink)
        right = self._scale(canvas, inspection.pixel_threshold)
        self._fields(canvas, [*header_texts(inspection), *([note] if note else [])], right)

    def _fields(self, canvas: Canvas, texts: list[str], right: int) -> None:
        """Draws the texts from left to right. The last ones are left out if they do not fit.

        Each text starts on a grid, so that a changing digit does not move the texts after it.
        """
        font = self._font
        left = self._verdict_width + 2 * font.pad_px
        x, row, step = left, 0, 3 * font.cap_px
        for text in texts:
            width = font.width(text)
            if x + width > (right if row == 0 else self._width):
                x, row = left, row + 1
            if row >= self._rows or x + width > self._width:
                return
            canvas.text(text, x, row * font.line_px, font, INK)
            x += math.ceil((width + font.cap_px) / step) * step

    def _scale(self, canvas: Canvas, pixel_threshold: float) -> int:
        """Draws the colour scale at the right end, with a white tick at the threshold.

        Returns the x where the scale begins.
        """
        font = self._font
        low, high = (f"{value:.3g}" for value in self._range)
        bar = round_up_to_even(8 * font.cap_px)
        high_x = self._width - font.width(high) - font.pad_px
        x1 = (high_x - font.pad_px) // 2 * 2
        x0 = x1 - bar
        low_x = x0 - font.width(low) - font.pad_px
        if low_x < self._width // 2:
            return self._width
        canvas.text(low, low_x, 0, font, INK)
        canvas.text(high, high_x, 0, font, INK)
        y0 = (font.line_px - font.cap_px) // 4 * 2
        y1 = round_up_to_even(y0 + font.cap_px)
        paint_bar(canvas, (x0, y0, x1, y1))
        tick = x0 + round(scale_position(pixel_threshold, self._range) * (bar - 1))
        canvas.y[max(y0 - 2, 0) : y1 + 2, max(tick - 2, x0) : tick + 3] = 16
        canvas.y[max(y0 - 2, 0) : y1 + 2, tick : tick + max(font.cap_px // 10, 1)] = 235
        return low_x - font.cap_px


def paint_bar(canvas: Canvas, box: tuple[int, int, int, int]) -> None:
    """Draws the colour scale into a box with even sides, from cold (left) to hot (right)."""
    x0, y0, x1, y1 = box
    row = np.ascontiguousarray(heat_bgr()[None])
    bar = cv2.resize(row, (x1 - x0, 2), interpolation=cv2.INTER_LINEAR)
    i420 = cv2.cvtColor(bar, cv2.COLOR_BGR2YUV_I420)
    canvas.y[y0:y1, x0:x1] = i420[0]
    half = np.s_[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2]
    middle = (x1 - x0) // 2
    canvas.u[half] = i420[2, :middle]
    canvas.v[half] = i420[2, middle:]


def header_texts(inspection: Inspection) -> list[str]:
    """The texts of the header, the most important first."""
    frame = inspection.frame
    out = []
    if inspection.score is not None:
        sign = ">=" if inspection.score >= inspection.image_threshold else "<"
        out.append(f"score {inspection.score:.4g} {sign} {inspection.image_threshold:.4g}")
    count = len(inspection.defects)
    if inspection.verdict is not Verdict.ERROR:
        out.append(f"{count} defect" + ("" if count == 1 else "s"))
    out.append(f"frame {frame.frame_id}" + (f" {frame.name}" if frame.name else ""))
    out.append(frame.wall_time_utc if frame.pts_s is None else format_stream_time(frame.pts_s))
    if "latency" in inspection.timings_ms:
        out.append(f"latency {inspection.timings_ms['latency']:.0f} ms")
    return out


def format_stream_time(seconds: float) -> str:
    """Stream time as h:mm:ss.mmm."""
    milliseconds = round(abs(seconds) * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if seconds < 0 else ""
    return f"{sign}{hours}:{minutes:02d}:{milliseconds / 1000:06.3f}"
