"""Draws on a picture in YUV 4:2:0, the format that the video encoder takes.

Drawing in BGR and converting the result takes twice as long. Colours are BT.601 with limited
range, as OpenCV converts them.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from inspector.core.arrays import Image
from inspector.core.geometry import Box, Points

_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_SUBPIXEL_BITS: Final = 4
DASH_PX: Final = 8
"""Length of a dash and of a gap, in units of the thickness."""


@dataclass(frozen=True, slots=True)
class Colour:
    """A BT.601 colour with limited range: y 16 to 235, u and v 16 to 240 around 128."""

    y: int
    u: int = 128
    v: int = 128

    @classmethod
    def of(cls, rgb: str) -> "Colour":
        """From six hex digits, such as "d62828"."""
        red, green, blue = (int(rgb[i : i + 2], 16) for i in (0, 2, 4))
        return cls(
            round(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255),
            round(128 + (-37.797 * red - 74.203 * green + 112.0 * blue) / 255),
            round(128 + (112.0 * red - 93.786 * green - 18.214 * blue) / 255),
        )

    @property
    def ink(self) -> int:
        """Luma for readable text on this colour."""
        return 24 if self.y > 120 else 235


class Font:
    """Font with capital letters `cap_px` high. line_px: height of a line with its margins."""

    def __init__(self, cap_px: int) -> None:
        self.cap_px = cap_px
        self.line_px = round_up_to_even(round(cap_px * 1.9))
        self.pad_px = max(cap_px // 2, 2)
        self.weight = max(1, round(cap_px / 9))
        # The same scale gives another height in OpenCV 5 than in OpenCV 4, so it is measured.
        self.scale = cap_px / _capital_height(self.weight)

    def width(self, text: str) -> int:
        return int(cv2.getTextSize(_to_ascii(text), _FONT, self.scale, self.weight)[0][0])

    def wrap(self, text: str, width_px: int) -> list[str]:
        """Splits text into lines that fit. A word that is too long is cut."""
        lines: list[str] = []
        line = ""
        for word in text.split():
            longer = f"{line} {word}".strip()
            if line and self.width(longer) > width_px:
                lines.append(line)
                longer = word
            line = longer
            while self.width(line) > width_px and len(line) > 1:
                cut = max(1, len(line) * width_px // self.width(line))
                while cut > 1 and self.width(line[:cut]) > width_px:
                    cut -= 1
                lines.append(line[:cut])
                line = line[cut:]
        return [*lines, line] if line else lines


def _to_ascii(text: str) -> str:
    """Replaces characters that are not ASCII with "?". OpenCV 5 crashes on text that is not valid
    UTF-8, and a file name can be such text."""
    return text.encode("ascii", "replace").decode("ascii")


class Canvas:
    """buffer: (H * 3 / 2, W) uint8 with the planes Y, U, V in this order. y, u, v: views of it."""

    def __init__(self, hw: tuple[int, int]) -> None:
        height, width = hw
        if height % 2 or width % 2:
            raise ValueError(f"the sides of a canvas must be even, not {height} x {width}")
        self.hw = hw
        self.buffer = np.empty((height * 3 // 2, width), np.uint8)
        self.y, self.u, self.v = split_planes(self.buffer)

    def fill(self, box: Box, colour: Colour) -> None:
        """Fills a box, grown to even sides because 2x2 pixels share their colour."""
        x0, y0, x1, y1 = self._clip(box)
        self.y[y0:y1, x0:x1] = colour.y
        half = np.s_[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2]
        self.u[half] = colour.u
        self.v[half] = colour.v

    def text(self, text: str, x: int, box_top: int, font: Font, luma: int) -> None:
        """Draws one line of ASCII text, centred in the line_px rows below box_top."""
        plain = _to_ascii(text)
        baseline = box_top + (font.line_px + font.cap_px) // 2
        cv2.putText(self.y, plain, (x, baseline), _FONT, font.scale, luma, font.weight, cv2.LINE_AA)

    def outline(
        self, polygons: list[Points], colour: Colour, thickness: int, *, dashed: bool = False
    ) -> None:
        """Draws closed outlines with a black edge.

        polygons: points (n, 2) in canvas pixels; (0, 0) is the corner of the first pixel.
        """
        closed = not dashed
        if dashed:
            length = DASH_PX * thickness
            polygons = [dash for polygon in polygons for dash in cut_dashes(polygon, length)]
        full = [_fixed_point(p, 1.0, closed=closed) for p in polygons]
        half = [_fixed_point(p, 0.5, closed=closed) for p in polygons]
        _lines(self.y, full, 16, thickness + 2, closed=closed)
        _lines(self.y, full, colour.y, thickness, closed=closed)
        thin = max(1, thickness // 2)
        _lines(self.u, half, colour.u, thin, closed=closed)
        _lines(self.v, half, colour.v, thin, closed=closed)

    def bgr(self) -> Image:
        """A new (H, W, 3) array."""
        return np.asarray(cv2.cvtColor(self.buffer, cv2.COLOR_YUV2BGR_I420), np.uint8)

    def _clip(self, box: Box) -> Box:
        height, width = self.hw
        x0, y0, x1, y1 = box
        return (
            min(max(x0, 0), width) // 2 * 2,
            min(max(y0, 0), height) // 2 * 2,
            round_up_to_even(min(max(x1, 0), width)),
            round_up_to_even(min(max(y1, 0), height)),
        )


def split_planes(buffer: Image) -> tuple[Image, Image, Image]:
    """Returns the Y, U and V planes of a contiguous (H * 3 / 2, W) buffer, without a copy."""
    height, width = buffer.shape[0] * 2 // 3, buffer.shape[1]
    flat = buffer.reshape(-1)
    luma, chroma = height * width, height * width // 4
    half = (height // 2, width // 2)
    return (
        flat[:luma].reshape(height, width),
        flat[luma : luma + chroma].reshape(half),
        flat[luma + chroma :].reshape(half),
    )


def cut_dashes(polygon: Points, length_px: float) -> list[Points]:
    """Cuts a closed outline (n, 2) into dashes of about length_px, with gaps of the same length."""
    closed = np.concatenate((polygon, polygon[:1]))
    along = np.concatenate(((0.0,), np.cumsum(np.hypot(*np.diff(closed, axis=0).T))))
    count = max(2, round(along[-1] / (2 * length_px)))
    step = along[-1] / count
    points = max(2, round(step / 4) + 1)
    places = step * np.arange(count)[:, None] + np.linspace(0, step / 2, points)[None]
    x, y = (np.interp(places, along, closed[:, axis]) for axis in (0, 1))
    return list(np.stack((x, y), axis=2))


def _capital_height(weight: int) -> float:
    """Measures the height of a capital letter at scale 1, in px."""
    background = np.zeros((400, 400), np.uint8)
    cv2.putText(background, "H", (50, 300), _FONT, 8.0, 255, weight, cv2.LINE_AA)
    return np.count_nonzero(background.max(axis=1) > 127) / 8.0


def round_up_to_even(value: int) -> int:
    return value + value % 2


def _fixed_point(points: Points, scale: float, *, closed: bool) -> np.ndarray:
    """OpenCV has (0, 0) at the centre of the first pixel, this program at its corner.

    A closed outline loses points that are within 1/8 px of the line without them. The outlines of
    defects have several points per pixel, and each of them takes time.
    """
    fixed = np.rint((points * scale - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    return cv2.approxPolyDP(fixed, (1 << _SUBPIXEL_BITS) / 8, True) if closed else fixed


def _lines(
    plane: Image, outlines: list[np.ndarray], value: int, thickness: int, *, closed: bool
) -> None:
    cv2.polylines(plane, outlines, closed, value, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
