"""Draws charts as inline SVG: curves, histograms on a common axis, bars with intervals.

The colours come from the style sheet of the page. Every chart also has a description in words, and
nothing depends on colour alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

from inspector.report.markup import Markup, element, join, wrap_label

WIDTH: Final = 440
_HEIGHT: Final = 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, WIDTH - 18, 14, 292
_FIRST_PANEL, _PANEL, _BETWEEN = 48, 92, 34
_MAX_LINEAR_COUNT: Final = 2000
"""Highest count on a linear axis; for higher counts the axis is logarithmic."""

_LABEL_CELLS: Final = 60
"""Length of a line of a label that is as wide as a chart, see wrap_label."""

_LINE, _BAR = 15, 20


@dataclass(frozen=True, slots=True)
class Chart:
    """Texts of a chart. description: its content in words, for readers who cannot see it."""

    title: str
    description: str
    x_label: str
    y_label: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A point with a name in the chart."""

    x: float
    y: float
    name: str


@dataclass(frozen=True, slots=True)
class Layer:
    """Counts between edges. class_: style class, "good" or "defective"."""

    heading: str
    edges: Sequence[float]
    counts: Sequence[int]
    class_: str


@dataclass(frozen=True, slots=True)
class Bar:
    """value: 0 to 1, None if undefined. interval: of 95 %. text: the value in words."""

    label: str
    value: float | None
    interval: tuple[float, float] | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class AxisScale:
    """A linear scale from values to chart units: low is drawn at start, high at end."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def around(cls, values: Sequence[float], start: float, end: float) -> Self:
        """A scale over all values. If they are equal, they get a margin on both sides."""
        low, high = min(values), max(values)
        if low == high:
            margin = abs(low) * 0.1 or 1.0
            low, high = low - margin, high + margin
        return cls(low, high, start, end)

    def at(self, value: float) -> float:
        """Position of a value, rounded to a hundredth."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self, count: int = 5) -> list[tuple[float, str]]:
        """About `count` round values within the scale, and their labels with equal decimals."""
        step = round_step((self.high - self.low) / count)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [(k * step, tick_label(k * step, step)) for k in range(first, last + 1)]


def curve(
    chart: Chart,
    points: Sequence[tuple[float, float]],
    *,
    mark: Mark | None = None,
    chance: Sequence[tuple[float, float]] = (),
    x_end: float = 1.0,
) -> Markup:
    """points: x from 0 to x_end, y from 0 to 1. chance: the dashed curve of random scores."""
    x_scale, y_scale = AxisScale(0, x_end, _LEFT, _RIGHT), AxisScale(0, 1, _BOTTOM, _TOP)
    parts = [
        draw_x_axis(x_scale, _BOTTOM, _TOP, chart.x_label),
        draw_y_axis(y_scale, x_scale, chart.y_label),
    ]
    if chance:
        parts.append(draw_polyline(chance, x_scale, y_scale, "chance"))
    parts.append(draw_polyline(points, x_scale, y_scale, "curve"))
    if mark is not None:
        parts.append(_mark(mark, x_scale, y_scale))
    return draw_svg(chart, _HEIGHT, parts)


def histograms(chart: Chart, layers: Sequence[Layer], line: Mark) -> Markup:
    """Draws layers with equal edges below each other, over one x axis. line: x position and name of
    a vertical line through all of them."""
    edges = (line.x, *(edge for layer in layers for edge in layer.edges))
    x_scale = AxisScale.around(edges, _LEFT, _RIGHT)
    tops = [_FIRST_PANEL + k * (_PANEL + _BETWEEN) for k in range(len(layers))]
    bottom = tops[-1] + _PANEL
    # On a linear axis, a few defective pixels would look like none.
    log = max((count for layer in layers for count in layer.counts), default=0) > _MAX_LINEAR_COUNT
    label = f"{chart.y_label} (log)" if log else chart.y_label
    panels = [_panel(*pair, x_scale, label, log=log) for pair in zip(layers, tops, strict=True)]
    names = [
        draw_text(layer.heading, x_scale.start, top - 8, "name")
        for layer, top in zip(layers, tops, strict=True)
    ]
    axis = draw_x_axis(x_scale, bottom, bottom, chart.x_label)
    return draw_svg(
        chart, bottom + 48, [*panels, axis, _vertical_line(line, x_scale, tops), *names]
    )


def bars(chart: Chart, rows: Sequence[Bar]) -> Markup:
    """One horizontal bar per row from 0 to 1, with its interval as a whisker. Its whole label is
    above it, in as many lines as needed."""
    x_scale = AxisScale(0, 1, 14, WIDTH - 150)
    parts, bottom = [], 6
    for row in rows:
        lines = wrap_label(row.label, _LABEL_CELLS)
        parts.append(_bar(row, lines, bottom, x_scale))
        bottom += len(lines) * _LINE + _BAR + 10
    return draw_svg(chart, bottom + 48, [draw_x_axis(x_scale, bottom, 6, chart.x_label), *parts])


def draw_svg(
    chart: Chart, height: float, parts: Sequence[Markup], *, width: float = WIDTH
) -> Markup:
    """A chart that is wider than WIDTH takes the whole width of the page."""
    head = (element("title", chart.title), element("desc", chart.description))
    box, class_ = f"0 0 {width:g} {height:g}", "chart wide" if width > WIDTH else "chart"
    svg = element("svg", *head, *parts, viewBox=box, role="img", class_=class_)
    return element("figure", element("figcaption", chart.title), svg)


def draw_text(text: str, x: float, y: float, class_: str, **more: object) -> Markup:
    return element("text", text, x=round(x, 2), y=round(y, 2), class_=class_, **more)


def draw_line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def draw_x_axis(x_scale: AxisScale, bottom: float, top: float, label: str) -> Markup:
    parts = []
    for value, tick in x_scale.ticks():
        x = x_scale.at(value)
        parts += [draw_line(x, top, x, bottom, "grid"), draw_line(x, bottom, x, bottom + 4, "axis")]
        parts.append(draw_text(tick, x, bottom + 18, "tick middle"))
    parts.append(draw_line(x_scale.start, bottom, x_scale.end, bottom, "axis"))
    middle = (x_scale.start + x_scale.end) / 2
    return join(*parts, draw_text(label, middle, bottom + 40, "label middle"))


def draw_y_axis(
    y_scale: AxisScale,
    x_scale: AxisScale,
    label: str,
    *,
    ticks: Sequence[tuple[float, str]] | None = None,
) -> Markup:
    parts = []
    for value, tick in y_scale.ticks() if ticks is None else ticks:
        y = y_scale.at(value)
        parts.append(draw_line(x_scale.start, y, x_scale.end, y, "grid"))
        parts.append(draw_text(tick, x_scale.start - 7, y + 4, "tick end"))
    parts.append(draw_line(x_scale.start, y_scale.end, x_scale.start, y_scale.start, "axis"))
    middle = (y_scale.start + y_scale.end) / 2
    rotation = f"rotate(-90 14 {middle:g})"
    return join(*parts, draw_text(label, 14, middle + 4, "label middle", transform=rotation))


def draw_polyline(
    points: Sequence[tuple[float, float]], x_scale: AxisScale, y_scale: AxisScale, class_: str
) -> Markup:
    coordinates = " ".join(f"{x_scale.at(x):g},{y_scale.at(y):g}" for x, y in points)
    return element("polyline", points=coordinates, class_=class_)


def _mark(mark: Mark, x_scale: AxisScale, y_scale: AxisScale) -> Markup:
    """Writes the name on the side with more room, inside the frame."""
    x, y = x_scale.at(mark.x), y_scale.at(mark.y)
    left = mark.x > 0.5
    name_y = min(max(y + 22, _TOP + 16), _BOTTOM - 10)
    side = "mark end" if left else "mark"
    name = draw_text(mark.name, x - 8 if left else x + 8, name_y, side)
    return join(element("circle", cx=x, cy=y, r=5.5, class_="point"), name)


def _panel(layer: Layer, top: float, x_scale: AxisScale, y_label: str, *, log: bool) -> Markup:
    tallest = max(layer.counts, default=0)
    heights: list[float] = list(layer.counts)
    if log:
        heights = [math.log10(count) + 1 if count else 0.0 for count in layer.counts]
    y_scale = AxisScale(0, max(heights, default=0) * 1.05 or 1.0, top + _PANEL, top)
    parts = [
        draw_y_axis(
            y_scale, x_scale, y_label, ticks=_power_ticks(tallest) if log else _whole_ticks(y_scale)
        )
    ]
    for count, height, edges in zip(layer.counts, heights, pairwise(layer.edges), strict=True):
        if count:
            parts.append(_column(count, height, edges, x_scale, y_scale, layer))
    parts.append(draw_line(x_scale.start, y_scale.start, x_scale.end, y_scale.start, "axis"))
    return join(*parts)


def _column(
    count: int,
    height: float,
    edges: tuple[float, float],
    x_scale: AxisScale,
    y_scale: AxisScale,
    layer: Layer,
) -> Markup:
    x0, x1, y = x_scale.at(edges[0]), x_scale.at(edges[1]), y_scale.at(height)
    tooltip = element("title", f"{count} from {edges[0]:.4g} to {edges[1]:.4g}")
    width, height_px = round(max(x1 - x0 - 0.6, 0.6), 2), round(y_scale.start - y, 2)
    return element("rect", tooltip, x=x0, y=y, width=width, height=height_px, class_=layer.class_)


def _whole_ticks(y_scale: AxisScale) -> list[tuple[float, str]]:
    return [(value, f"{value:.0f}") for value, _ in y_scale.ticks(3) if value == round(value)]


def _power_ticks(tallest: int) -> list[tuple[float, str]]:
    """At most five of 1, 10, 100 ..., on an axis of log10(count) + 1."""
    highest_power = math.floor(math.log10(max(tallest, 1)))
    stride = math.ceil((highest_power + 1) / 5)
    names = {0: "1", 1: "10", 2: "100", 3: "1k", 4: "10k", 5: "100k", 6: "1M", 7: "10M"}
    return [(k + 1.0, names.get(k, f"1e{k}")) for k in range(0, highest_power + 1, stride)]


def _vertical_line(line: Mark, x_scale: AxisScale, tops: Sequence[float]) -> Markup:
    """A vertical line through the panels that begin at `tops`, but not through their names."""
    x = x_scale.at(line.x)
    pieces = [(18, 26), *((top, top + _PANEL) for top in tops)]
    # Near the sides of the chart, a centred name would be cut off.
    side = "" if x < 130 else " end" if x > WIDTH - 110 else " middle"
    lines = (draw_line(x, y0, x, y1, "threshold") for y0, y1 in pieces)
    return join(*lines, draw_text(line.name, x, 14, "mark" + side))


def _bar(row: Bar, lines: Sequence[str], label_top: float, x_scale: AxisScale) -> Markup:
    names = (
        draw_text(line, x_scale.start, label_top + (k + 1) * _LINE - 4, "tick")
        for k, line in enumerate(lines)
    )
    label, top = join(*names), label_top + len(lines) * _LINE
    middle = top + _BAR / 2
    if row.value is None:
        return join(label, draw_text("undefined", x_scale.start + 6, middle + 4, "tick"))
    width = round(x_scale.at(row.value) - x_scale.start, 2)
    parts = [element("rect", x=x_scale.start, y=top, width=width, height=_BAR, class_="bar")]
    if row.interval is not None:
        low, high = (x_scale.at(end) for end in row.interval)
        parts.append(draw_line(low, middle, high, middle, "whisker"))
        parts += [draw_line(end, middle - 5, end, middle + 5, "whisker") for end in (low, high)]
    return join(label, *parts, draw_text(row.text, x_scale.end + 8, middle + 4, "tick"))


def round_step(rough: float) -> float:
    """The smallest number not below `rough` that is 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(f * power for f in (1, 2, 5, 10) if f * power >= rough * (1 - 1e-9))


def tick_label(value: float, step: float) -> str:
    """The value with the decimals of the step, or as a power of ten if it is long."""
    if abs(value) >= 1e6 or step < 1e-4:
        return f"{value:.2g}"
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"
