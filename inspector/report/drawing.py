"""Shapes of a drawing, and two painters for them: SVG text and a picture of pixels.

Coordinates are in pixels, x to the right and y down. Colours are RGB as hexadecimal digits.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple
from xml.sax.saxutils import escape, quoteattr

import cv2
import numpy as np

from inspector.core.arrays import Image

FONT_SHARE: Final = 0.56
"""Width of a character divided by its font size, on average."""

HATCH_STEP: Final = 8
"""Distance of the lines of a hatched box in pixels."""

_SHIFT: Final = 4
"""OpenCV draws with coordinates in sixteenths of a pixel."""

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_FONT_PX: Final = 30.0
"""Font size at which the letters of OpenCV have scale 1."""


Box = tuple[float, float, float, float]
"""x0, y0, x1, y1."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A filled polygon. edge: whether a thin line in its colour surrounds it, so that a thin shape
    is seen. title: text that a browser shows at the mouse. link: address behind it."""

    points: Sequence[tuple[float, float]]
    colour: str
    edge: bool = False
    title: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line of 1 px."""

    start: tuple[float, float]
    end: tuple[float, float]
    colour: str


@dataclass(frozen=True, slots=True)
class Hatch:
    """A hatched box with a frame."""

    box: Box
    colour: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text. place: end of its base line that anchor names: start, middle or end."""

    text: str
    place: tuple[float, float]
    size: float = 12.0
    anchor: str = "start"
    colour: str = "222222"
    bold: bool = False


AnyShape = Shape | Line | Hatch | Text


@dataclass(frozen=True, slots=True)
class Drawing:
    """Shapes in the order in which they are painted, on white."""

    width: int
    height: int
    shapes: Sequence[AnyShape]


def box_points(x0: float, y0: float, x1: float, y1: float) -> list[tuple[float, float]]:
    """Corners (x, y) of a box in pixels, in their order around it."""
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def paint_svg(drawing: Drawing) -> str:
    """The drawing as one `<svg>` element, which can be a file or a part of a page."""
    size = f'width="{drawing.width}" height="{drawing.height}"'
    colours = dict.fromkeys(s.colour for s in drawing.shapes if isinstance(s, Hatch))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
        f'viewBox="0 0 {drawing.width} {drawing.height}" font-family="Arial, sans-serif">',
        *(_pattern(colour) for colour in colours),
        f'<rect {size} fill="#ffffff"/>',
    ]
    for style, group in groupby(drawing.shapes, key=_shared_style):
        if style is None:
            lines += map(_svg_element, group)
        elif style.titled:
            lines += [f"<g {style.attributes}>", *map(_svg_element, group), "</g>"]
        else:  # Equal shapes at the same pixel are drawn once.
            path = "".join(
                dict.fromkeys(_svg_path(s) for s in group if isinstance(s, Shape | Line))
            )
            lines.append(f'<path {style.attributes} d="{path}"/>')
    lines.append("</svg>\n")
    return "\n".join(lines)


def paint_pixels(drawing: Drawing) -> Image:
    """The drawing as (height, width, 3) uint8 BGR."""
    picture = np.full((drawing.height, drawing.width, 3), 255, np.uint8)
    for shape in drawing.shapes:
        match shape:
            case Shape():
                _fill(picture, shape)
            case Line():
                cv2.line(
                    picture,
                    _fixed(shape.start),
                    _fixed(shape.end),
                    _bgr(shape.colour),
                    1,
                    cv2.LINE_AA,
                    _SHIFT,
                )
            case Hatch():
                _hatch(picture, shape)
            case Text():
                _write(picture, shape)
    return picture


class _Style(NamedTuple):
    """Neighbours with the same style share an element of the SVG."""

    attributes: str
    titled: bool


def _shared_style(shape: AnyShape) -> _Style | None:
    """None for shapes that have their own element."""
    match shape:
        case Shape():
            edge = f' stroke="#{shape.colour}"' if shape.edge else ""
            return _Style(f'fill="#{shape.colour}"{edge}', bool(shape.title or shape.link))
        case Line():
            return _Style(f'stroke="#{shape.colour}"', titled=False)
        case _:
            return None


def _svg_element(shape: AnyShape) -> str:
    match shape:
        case Text():
            x, y = map(_number, shape.place)
            anchor = f' text-anchor="{shape.anchor}"' if shape.anchor != "start" else ""
            weight = ' font-weight="bold"' if shape.bold else ""
            return (
                f'<text x="{x}" y="{y}" font-size="{shape.size:g}" fill="#{shape.colour}"'
                f"{anchor}{weight}>{_xml(shape.text)}</text>"
            )
        case Hatch():
            style = f'fill="url(#hatch-{shape.colour})" stroke="#{shape.colour}"'
            title = f"<title>{_xml(shape.title)}</title>"
            return f'<path {style} d="{_join(box_points(*shape.box))}z">{title}</path>'
        case Line():
            return f'<path stroke="#{shape.colour}" d="{_svg_path(shape)}"/>'
        case Shape():
            title = f"<title>{_xml(shape.title)}</title>" if shape.title else ""
            path = f'<path d="{_svg_path(shape)}">{title}</path>'
            return f"<a href={quoteattr(shape.link)}>{path}</a>" if shape.link else path


def _svg_path(shape: Shape | Line) -> str:
    if isinstance(shape, Line):
        return _join((shape.start, shape.end))
    return _join(shape.points) + "z"


def _pattern(colour: str) -> str:
    step = HATCH_STEP
    return (
        f'<pattern id="hatch-{colour}" width="{step}" height="{step}" '
        f'patternUnits="userSpaceOnUse"><path stroke="#{colour}" '
        f'd="M-1 {step + 1}L{step + 1} -1M-1 1L1 -1M{step - 1} {step + 1}L{step + 1} {step - 1}"/>'
        "</pattern>"
    )


def _join(points: Sequence[tuple[float, float]]) -> str:
    """A path through the points. Relative coordinates are shorter."""
    x, y = round(points[0][0], 1), round(points[0][1], 1)
    parts = [f"M{_number(x)} {_number(y)}"]
    for next_x, next_y in points[1:]:
        dx, dy = round(next_x - x, 1), round(next_y - y, 1)
        if dy == 0:
            parts.append(f"h{_number(dx)}")
        elif dx == 0:
            parts.append(f"v{_number(dy)}")
        else:
            parts.append(f"l{_number(dx)} {_number(dy)}")
        x, y = x + dx, y + dy
    return "".join(parts)


def _number(value: float) -> str:
    return f"{round(value, 1):g}" if abs(value) < 1e5 else f"{value:.1f}"


def _xml(text: str) -> str:
    return escape(_NOT_XML.sub("?", text))


def _bgr(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour)
    return blue, green, red


def _fixed(place: tuple[float, float]) -> tuple[int, int]:
    """Pixel coordinates of OpenCV, whose pixel centres are whole numbers."""
    scale = 1 << _SHIFT
    return round((place[0] - 0.5) * scale), round((place[1] - 0.5) * scale)


def _fill(picture: Image, shape: Shape) -> None:
    points = np.array([_fixed(point) for point in shape.points], np.int32)
    cv2.fillPoly(picture, [points], _bgr(shape.colour), cv2.LINE_AA, _SHIFT)


def _hatch(picture: Image, hatch: Hatch) -> None:
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = (round(value) for value in hatch.box)
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(max(x1, x0 + 1), width), min(y1, height)
    rows, columns = np.ogrid[y0:y1, x0:x1]
    picture[y0:y1, x0:x1][(rows + columns) % HATCH_STEP == 0] = _bgr(hatch.colour)
    cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), _bgr(hatch.colour), 1)


def _write(picture: Image, text: Text) -> None:
    plain = text.text.encode("ascii", "replace").decode("ascii")
    scale, weight = text.size / _FONT_PX, 2 if text.bold else 1
    width = cv2.getTextSize(plain, _FONT, scale, weight)[0][0]
    x = text.place[0] - {"start": 0.0, "middle": 0.5, "end": 1.0}[text.anchor] * width
    place = (round(x), round(text.place[1]))
    cv2.putText(picture, plain, place, _FONT, scale, _bgr(text.colour), weight, cv2.LINE_AA)
