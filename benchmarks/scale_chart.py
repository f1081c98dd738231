"""Draws the curves of benchmarks.scale as one SVG file, a panel for each table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from inspector.report.drawing import AnyShape, Drawing, Line, Shape, Text, box_points, paint_svg

PANEL: Final = (260, 190)
"""Width and height of a panel, px."""
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 34, 40
COLUMNS: Final = 3
COLOURS: Final = ("1f5fa8", "c2571a")
GREY: Final = "999999"
DOT: Final = 2.5


@dataclass(frozen=True)
class Curve:
    """points: (x, y), y at least 0."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """At most two curves over the same axis."""

    title: str
    x_label: str
    curves: Sequence[Curve]


def draw_panels(panels: Sequence[Panel]) -> str:
    rows = -(-len(panels) // COLUMNS)
    shapes: list[AnyShape] = []
    for number, panel in enumerate(panels):
        row, column = divmod(number, COLUMNS)
        shapes += _draw(panel, column * PANEL[0], row * PANEL[1])
    return paint_svg(Drawing(PANEL[0] * COLUMNS, PANEL[1] * rows, shapes))


def _draw(panel: Panel, left: float, top: float) -> Iterator[AnyShape]:
    """Both axes begin at 0."""
    points = [point for curve in panel.curves for point in curve.points]
    largest_x, largest_y = (max(point[axis] for point in points) or 1 for axis in (0, 1))
    x0, y0 = left + LEFT, top + PANEL[1] - BOTTOM
    width, height = PANEL[0] - LEFT - RIGHT, PANEL[1] - TOP - BOTTOM

    def place(point: tuple[float, float]) -> tuple[float, float]:
        return x0 + width * point[0] / largest_x, y0 - height * point[1] / largest_y

    yield Text(panel.title, (left + 8, top + 16), bold=True)
    yield Line((x0, y0), (x0 + width, y0), GREY)
    yield Line((x0, y0), (x0, y0 - height), GREY)
    yield Text(panel.x_label, (x0 + width / 2, y0 + 32), 11.0, "middle")
    for x in sorted({point[0] for point in points}):
        yield Text(f"{x:g}", (place((x, 0))[0], y0 + 15), 10.0, "middle")
    for y in (0, largest_y):
        yield Text(f"{y:.3g}", (x0 - 5, place((0, y))[1] + 4), 10.0, "end")
    for curve, colour, offset in zip(panel.curves, COLOURS, (0, 13), strict=False):
        places = [place(point) for point in curve.points]
        for start, end in pairwise(places):
            yield Line(start, end, colour)
        for x, y in places:
            yield Shape(box_points(x - DOT, y - DOT, x + DOT, y + DOT), colour)
        yield Text(curve.name, (x0 + width, top + 30 + offset), 10.0, "end", colour)
