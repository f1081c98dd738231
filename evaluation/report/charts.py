"""Charts as inline SVG: a curve, two histograms over one axis, bars with intervals.

Colours come from the page's style, so that they follow its light or dark ground; nothing is told
by colour alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from evaluation.report.axes import Scale
from evaluation.report.markup import Markup, element, joined

WIDTH: Final = 440
_HEIGHT: Final = 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, WIDTH - 18, 14, 292
_FIRST_PANEL, _PANEL, _BETWEEN = 48, 92, 34
_LINEAR_UP_TO: Final = 2000
"""Highest count on a linear axis; above it lies a logarithmic one."""

_LONGEST_LABEL: Final = 22


@dataclass(frozen=True, slots=True)
class Chart:
    """title: what it shows. told: the same in words, for who cannot see it."""

    title: str
    told: str
    x_label: str
    y_label: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A point that is named in the chart."""

    x: float
    y: float
    name: str


@dataclass(frozen=True, slots=True)
class Layer:
    """Counts between edges. class_: of the style, "good" or "defective"."""

    heading: str
    edges: Sequence[float]
    counts: Sequence[int]
    class_: str


@dataclass(frozen=True, slots=True)
class Bar:
    """value: 0 to 1, None where undefined. interval: its 95 % interval. words: the same,
    to be read."""

    label: str
    value: float | None
    interval: tuple[float, float] | None = None
    words: str = ""


def curve(
    chart: Chart,
    points: Sequence[tuple[float, float]],
    *,
    mark: Mark | None = None,
    chance: Sequence[tuple[float, float]] = (),
    reach: float = 1.0,
) -> Markup:
    """points: both coordinates within 0 and 1. reach: where the x axis ends. chance: what guessing
    would give, dashed."""
    across, up = Scale(0, reach, _LEFT, _RIGHT), Scale(0, 1, _BOTTOM, _TOP)
    parts = [_x_axis(across, _BOTTOM, _TOP, chart.x_label), _y_axis(up, across, chart.y_label)]
    if chance:
        parts.append(_polyline(chance, across, up, "chance"))
    parts.append(_polyline(points, across, up, "curve"))
    if mark is not None:
        parts.append(_mark(mark, across, up))
    return _svg(chart, _HEIGHT, parts)


def histograms(chart: Chart, layers: Sequence[Layer], line: Mark) -> Markup:
    """Layers of one set of edges, one above the other over the same axis. line: where a vertical
    line stands, and its name."""
    edges = (line.x, *(edge for layer in layers for edge in layer.edges))
    across = Scale.around(edges, _LEFT, _RIGHT)
    tops = [_FIRST_PANEL + k * (_PANEL + _BETWEEN) for k in range(len(layers))]
    bottom = tops[-1] + _PANEL
    # On a linear axis a few pixels of a defect could not be told from none.
    log = max((count for layer in layers for count in layer.counts), default=0) > _LINEAR_UP_TO
    label = f"{chart.y_label} (log)" if log else chart.y_label
    panels = [_panel(*pair, across, label, log=log) for pair in zip(layers, tops, strict=True)]
    names = [
        _text(layer.heading, across.start, top - 8, "name")
        for layer, top in zip(layers, tops, strict=True)
    ]
    axis = _x_axis(across, bottom, bottom, chart.x_label)
    return _svg(chart, bottom + 48, [*panels, axis, _vertical(line, across, tops), *names])


def bars(chart: Chart, rows: Sequence[Bar]) -> Markup:
    """One horizontal bar per row from 0 to 1, its interval as a whisker."""
    across = Scale(0, 1, 170, WIDTH - 110)
    parts = [_bar(row, 12 + 30 * k, across) for k, row in enumerate(rows)]
    bottom = 12 + 30 * len(rows)
    return _svg(chart, bottom + 48, [_x_axis(across, bottom, 6, chart.x_label), *parts])


def _svg(chart: Chart, height: float, parts: Sequence[Markup]) -> Markup:
    head = (element("title", chart.title), element("desc", chart.told))
    box = f"0 0 {WIDTH} {height:g}"
    drawn = element("svg", *head, *parts, viewBox=box, role="img", class_="chart")
    return element("figure", element("figcaption", chart.title), drawn)


def _text(words: str, x: float, y: float, class_: str, **more: object) -> Markup:
    return element("text", words, x=round(x, 2), y=round(y, 2), class_=class_, **more)


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def _x_axis(across: Scale, bottom: float, top: float, label: str) -> Markup:
    parts = []
    for value, words in across.ticks():
        x = across.at(value)
        parts += [_line(x, top, x, bottom, "grid"), _line(x, bottom, x, bottom + 4, "axis")]
        parts.append(_text(words, x, bottom + 18, "tick middle"))
    parts.append(_line(across.start, bottom, across.end, bottom, "axis"))
    middle = (across.start + across.end) / 2
    return joined(*parts, _text(label, middle, bottom + 40, "label middle"))


def _y_axis(
    up: Scale, across: Scale, label: str, *, ticks: Sequence[tuple[float, str]] | None = None
) -> Markup:
    parts = []
    for value, words in up.ticks() if ticks is None else ticks:
        y = up.at(value)
        parts.append(_line(across.start, y, across.end, y, "grid"))
        parts.append(_text(words, across.start - 7, y + 4, "tick end"))
    parts.append(_line(across.start, up.end, across.start, up.start, "axis"))
    middle = (up.start + up.end) / 2
    turn = f"rotate(-90 14 {middle:g})"
    return joined(*parts, _text(label, 14, middle + 4, "label middle", transform=turn))


def _polyline(
    points: Sequence[tuple[float, float]], across: Scale, up: Scale, class_: str
) -> Markup:
    places = " ".join(f"{across.at(x):g},{up.at(y):g}" for x, y in points)
    return element("polyline", points=places, class_=class_)


def _mark(mark: Mark, across: Scale, up: Scale) -> Markup:
    """The name goes to the side where there is room, and never over the frame."""
    x, y = across.at(mark.x), up.at(mark.y)
    left = mark.x > 0.5
    name_y = min(max(y + 22, _TOP + 16), _BOTTOM - 10)
    side = "mark end" if left else "mark"
    name = _text(mark.name, x - 8 if left else x + 8, name_y, side)
    return joined(element("circle", cx=x, cy=y, r=5.5, class_="point"), name)


def _panel(layer: Layer, top: float, across: Scale, y_label: str, *, log: bool) -> Markup:
    tallest = max(layer.counts, default=0)
    heights: list[float] = list(layer.counts)
    if log:
        heights = [math.log10(count) + 1 if count else 0.0 for count in layer.counts]
    up = Scale(0, max(heights, default=0) * 1.05 or 1.0, top + _PANEL, top)
    parts = [_y_axis(up, across, y_label, ticks=_powers(tallest) if log else _whole(up))]
    for count, height, ends in zip(layer.counts, heights, pairwise(layer.edges), strict=True):
        if count:
            parts.append(_column(count, height, ends, across, up, layer))
    parts.append(_line(across.start, up.start, across.end, up.start, "axis"))
    return joined(*parts)


def _column(
    count: int, height: float, ends: tuple[float, float], across: Scale, up: Scale, layer: Layer
) -> Markup:
    x0, x1, y = across.at(ends[0]), across.at(ends[1]), up.at(height)
    told = element("title", f"{count} from {ends[0]:.4g} to {ends[1]:.4g}")
    width, tall = round(max(x1 - x0 - 0.6, 0.6), 2), round(up.start - y, 2)
    return element("rect", told, x=x0, y=y, width=width, height=tall, class_=layer.class_)


def _whole(up: Scale) -> list[tuple[float, str]]:
    return [(value, f"{value:.0f}") for value, _ in up.ticks(3) if value == round(value)]


def _powers(tallest: int) -> list[tuple[float, str]]:
    """1, 10, 100 and so on, at most five of them, on an axis of log10(count) + 1."""
    most = math.floor(math.log10(max(tallest, 1)))
    each = math.ceil((most + 1) / 5)
    names = {0: "1", 1: "10", 2: "100", 3: "1k", 4: "10k", 5: "100k", 6: "1M", 7: "10M"}
    return [(k + 1.0, names.get(k, f"1e{k}")) for k in range(0, most + 1, each)]


def _vertical(line: Mark, across: Scale, tops: Sequence[float]) -> Markup:
    """Through the panels that begin at `tops`, and not through their names."""
    x = across.at(line.x)
    pieces = [(18, 26), *((top, top + _PANEL) for top in tops)]
    # Centred over its line, the name would be cut at the sides of the chart.
    side = "" if x < 130 else " end" if x > WIDTH - 110 else " middle"
    lines = (_line(x, y0, x, y1, "threshold") for y0, y1 in pieces)
    return joined(*lines, _text(line.name, x, 14, "mark" + side))


def _bar(row: Bar, top: float, across: Scale) -> Markup:
    short = row.label if len(row.label) <= _LONGEST_LABEL else row.label[:21] + "…"
    middle = top + 10
    label = _text(short, across.start - 8, middle + 4, "tick end")
    if row.value is None:
        return joined(label, _text("undefined", across.start + 6, middle + 4, "tick"))
    width = round(across.at(row.value) - across.start, 2)
    parts = [element("rect", x=across.start, y=top, width=width, height=20, class_="bar")]
    if row.interval is not None:
        low, high = (across.at(end) for end in row.interval)
        parts.append(_line(low, middle, high, middle, "whisker"))
        parts += [_line(end, middle - 5, end, middle + 5, "whisker") for end in (low, high)]
    return joined(label, *parts, _text(row.words, across.end + 8, middle + 4, "tick"))
