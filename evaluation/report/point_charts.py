"""Draws points and lines over named places or numbers, such as the measurements of each part."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from inspector.report.charts import (
    WIDTH,
    AxisScale,
    Chart,
    draw_line,
    draw_polyline,
    draw_svg,
    draw_text,
    draw_x_axis,
    draw_y_axis,
)
from inspector.report.markup import Markup, element, join, wrap_label

_LEFT, _RIGHT = 62, WIDTH - 18
_TOP, _PLOT = 14, 185
_LEGEND_ROW, _LEGEND_COLUMNS = 18, 3
_LEGEND_CELLS: Final = 16
"""Characters of a name in the legend."""

_MOST_TICKS: Final = 16
"""Names below the x axis; with more places, only some are named."""

STYLES: Final = 6
"""Different looks of series; a seventh looks like the first."""


@dataclass(frozen=True, slots=True)
class Series:
    """Points from left to right. style: number of its colour, shape and dashes. line, dots: what is
    drawn. name: in the legend; "" leaves it out."""

    name: str
    points: Sequence[tuple[float, float]]
    style: int = 0
    line: bool = True
    dots: bool = True


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line over the whole chart, with its name above or below it."""

    y: float
    name: str
    below: bool = False


def draw_points(
    chart: Chart,
    series: Sequence[Series],
    *,
    places: Sequence[str] = (),
    levels: Sequence[Level] = (),
    groups: Sequence[tuple[str, int]] = (),
) -> Markup:
    """places: names of the x values 0, 1, 2 ...; without them, x is a number. groups: name and
    number of places of neighbouring groups, separated by vertical lines."""
    legend = [each for each in series if each.name]
    legend = legend if len(legend) > 1 else []
    top = _TOP + _LEGEND_ROW * -(-len(legend) // _LEGEND_COLUMNS) + (16 if groups else 0)
    bottom = top + _PLOT
    points = [point for each in series for point in each.points]
    heights = [y for _, y in points] + [level.y for level in levels]
    y_scale = _with_margin(heights, bottom, top)
    x_scale = (
        AxisScale(-0.5, len(places) - 0.5, _LEFT, _RIGHT)
        if places
        else _with_margin([x for x, _ in points], _LEFT, _RIGHT)
    )
    axis = (
        _place_axis(x_scale, places, bottom, chart.x_label)
        if places
        else draw_x_axis(x_scale, bottom, top, chart.x_label)
    )
    return draw_svg(
        chart,
        bottom + 48,
        [
            draw_y_axis(y_scale, x_scale, chart.y_label),
            axis,
            *(_separators(groups, x_scale, top, bottom)),
            *(_level(level, x_scale, y_scale) for level in levels),
            *(_series(each, x_scale, y_scale) for each in series),
            *(_legend_entry(each, k) for k, each in enumerate(legend)),
        ],
    )


def _with_margin(values: Sequence[float], start: float, end: float) -> AxisScale:
    scale = AxisScale.around(values, start, end)
    margin = 0.05 * (scale.high - scale.low)
    return AxisScale(scale.low - margin, scale.high + margin, start, end)


def _place_axis(x_scale: AxisScale, places: Sequence[str], bottom: float, label: str) -> Markup:
    stride = -(-len(places) // _MOST_TICKS)
    cells = max(3, round((_RIGHT - _LEFT) / min(len(places), _MOST_TICKS) / 7))
    ticks = [
        draw_text(wrap_label(name, cells)[0], x_scale.at(k), bottom + 18, "tick middle")
        for k, name in enumerate(places)
        if k % stride == 0
    ]
    line = draw_line(x_scale.start, bottom, x_scale.end, bottom, "axis")
    middle = (x_scale.start + x_scale.end) / 2
    return join(line, *ticks, draw_text(label, middle, bottom + 40, "label middle"))


def _separators(
    groups: Sequence[tuple[str, int]], x_scale: AxisScale, top: float, bottom: float
) -> list[Markup]:
    parts, first = [], 0
    for name, count in groups:
        left, right = x_scale.at(first - 0.5), x_scale.at(first + count - 0.5)
        cells = max(3, round((right - left) / 7))
        name_at = (left + right) / 2
        parts.append(draw_text(wrap_label(name, cells)[0], name_at, top - 6, "tick middle"))
        if first:
            parts.append(draw_line(left, top, left, bottom, "axis"))
        first += count
    return parts


def _level(level: Level, x_scale: AxisScale, y_scale: AxisScale) -> Markup:
    y = y_scale.at(level.y)
    name = draw_text(level.name, x_scale.end - 2, y + (13 if level.below else -4), "mark end")
    return join(draw_line(x_scale.start, y, x_scale.end, y, "threshold"), name)


def _series(series: Series, x_scale: AxisScale, y_scale: AxisScale) -> Markup:
    style = series.style % STYLES
    parts = []
    if series.line and len(series.points) > 1:
        parts.append(draw_polyline(series.points, x_scale, y_scale, f"series s{style}"))
    if series.dots:
        parts += [_dot(x_scale.at(x), y_scale.at(y), style) for x, y in series.points]
    return join(*parts)


def _dot(x: float, y: float, style: int) -> Markup:
    """A shape of its own for each style, so that no one needs the colours."""
    class_ = f"dot s{style}"
    if style % 3 == 0:
        return element("circle", cx=x, cy=y, r=3, class_=class_)
    if style % 3 == 1:
        return element(
            "rect", x=round(x - 3, 2), y=round(y - 3, 2), width=6, height=6, class_=class_
        )
    corners = ((x, y - 4), (x + 3.6, y + 2.8), (x - 3.6, y + 2.8))
    points = " ".join(f"{round(a, 2):g},{round(b, 2):g}" for a, b in corners)
    return element("polygon", points=points, class_=class_)


def _legend_entry(series: Series, number: int) -> Markup:
    row, column = divmod(number, _LEGEND_COLUMNS)
    x = _LEFT + column * (_RIGHT - _LEFT) / _LEGEND_COLUMNS
    y = _TOP + row * _LEGEND_ROW
    style = series.style % STYLES
    parts = []
    if series.line:
        ends = f"{x:g},{y:g} {x + 24:g},{y:g}"
        parts.append(element("polyline", points=ends, class_=f"series s{style}"))
    if series.dots:
        parts.append(_dot(round(x + 12, 2), y, style))
    name = wrap_label(series.name, _LEGEND_CELLS)[0]
    return join(*parts, draw_text(name, x + 30, y + 4, "tick"))
