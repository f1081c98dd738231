"""Draws the charts of a run: score history, trend, size distribution, largest sizes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.report.charts import (
    AxisScale,
    Chart,
    draw_line,
    draw_svg,
    draw_text,
    draw_x_axis,
    draw_y_axis,
    round_step,
)
from inspector.report.markup import Markup, element, join

WIDE: Final = 900
MOST_BUCKETS: Final = 600
"""Columns of the score history: each shows the lowest and the highest score of its frames."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 64, WIDE - 34, 26, 226
_HEIGHT: Final = 276
_ARROW: Final = 22
"""Length of the arrow of a size that may be larger."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a chart. parts: style class and height of each piece, from below. tooltip: its
    content in words. href: what a click opens."""

    parts: Sequence[tuple[str, float]]
    tooltip: str
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A size with the interval that its uncertainty leaves open; high may be infinite."""

    size: float
    low: float
    high: float
    class_: str
    tooltip: str
    href: str | None = None


def score_history(
    chart: Chart, x: Floats, scores: Floats, failed: npt.NDArray[np.bool_], limit: float, name: str
) -> Markup:
    """x: rising place of each frame. scores: NaN for a frame without a score. limit: the image
    threshold, with its name. Columns with a failed frame have another colour. The size of the chart
    does not depend on the number of frames."""
    known = np.isfinite(scores)
    if not known.any():
        return Markup("")
    span = (0.0, float(np.max(scores[known])), limit)
    y_scale = AxisScale.around((min(span), max(span) * 1.06 or 1.0), _BOTTOM, _TOP)
    x_scale = AxisScale.around((float(x[0]), float(x[-1])), _LEFT, _RIGHT)
    good: list[str] = []
    bad: list[str] = []
    for part in np.array_split(np.flatnonzero(known), min(MOST_BUCKETS, int(known.sum()))):
        place = x_scale.at(float(x[part[len(part) // 2]]))
        low = y_scale.at(float(scores[part].min()))
        high = min(y_scale.at(float(scores[part].max())), low - 3)
        (bad if failed[part].any() else good).append(f"M{place:g} {low:g}V{high:g}")
    parts = [
        draw_x_axis(x_scale, _BOTTOM, _TOP, chart.x_label),
        draw_y_axis(y_scale, x_scale, chart.y_label),
        element("path", d="".join(good), class_="spread s0"),
        element("path", d="".join(bad), class_="spread s1"),
        draw_line(_LEFT, y_scale.at(limit), _RIGHT, y_scale.at(limit), "threshold"),
        draw_text(name, _RIGHT, y_scale.at(limit) - 5, "mark end"),
    ]
    return draw_svg(chart, _HEIGHT, parts, width=WIDE)


def columns(
    chart: Chart,
    edges: Sequence[float],
    rows: Sequence[Column],
    limit: tuple[float, str] | None = None,
) -> Markup:
    """Columns between rising edges, one more edge than columns. The columns have equal widths, also
    if the edges have not. limit: place and name of a vertical line."""
    top = max((sum(height for _, height in row.parts) for row in rows), default=0.0)
    y_scale = AxisScale(0, top * 1.08 or 1.0, _BOTTOM, _TOP)
    x_scale = AxisScale(0, len(rows), _LEFT, _RIGHT)
    # Counts have whole ticks.
    ticks = y_scale.ticks()
    if all(float(height).is_integer() for row in rows for _, height in row.parts):
        ticks = [(value, f"{value:.0f}") for value, _ in ticks if float(value).is_integer()]
    parts = [draw_y_axis(y_scale, x_scale, chart.y_label, ticks=ticks)]
    for number, row in enumerate(rows):
        parts.append(_column(number, row, x_scale, y_scale))
    step = math.ceil(len(edges) / 13)
    for number in range(0, len(edges), step):
        label = f"{edges[number]:.9g}"
        parts.append(draw_text(label, x_scale.at(number), _BOTTOM + 18, "tick middle"))
    parts.append(draw_line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, "axis"))
    parts.append(draw_text(chart.x_label, (_LEFT + _RIGHT) / 2, _BOTTOM + 40, "label middle"))
    if limit is not None and edges[0] <= limit[0] <= edges[-1]:
        at = float(np.interp(limit[0], edges, np.arange(len(edges))))
        side = "mark end" if at > len(rows) / 2 else "mark"
        shift = -5 if at > len(rows) / 2 else 5
        parts.append(draw_line(x_scale.at(at), _TOP - 8, x_scale.at(at), _BOTTOM, "threshold"))
        parts.append(draw_text(limit[1], x_scale.at(at) + shift, _TOP - 10, side))
    return draw_svg(chart, _HEIGHT, parts, width=WIDE)


def _column(number: int, row: Column, x_scale: AxisScale, y_scale: AxisScale) -> Markup:
    x, width = x_scale.at(number), x_scale.at(number + 1) - x_scale.at(number)
    pieces, base = [], 0.0
    for class_, height in row.parts:
        if height:
            y = y_scale.at(base + height)
            size = {
                "width": round(max(width - 2, 0.8), 2),
                "height": round(y_scale.at(base) - y, 2),
            }
            tooltip = element("title", row.tooltip)
            pieces.append(element("rect", tooltip, x=round(x + 1, 2), y=y, class_=class_, **size))
        base += height
    return _linked(join(*pieces), row.href) if pieces else Markup("")


def spans(chart: Chart, rows: Sequence[Span], limit: tuple[float, str] | None = None) -> Markup:
    """A point and a whisker for each size, side by side. An open end has an arrow. limit: height
    and name of a horizontal line."""
    finite = [value for row in rows for value in (row.low, row.high, row.size) if value < math.inf]
    top = max([*finite, 0.0 if limit is None else limit[0]]) * 1.08 or 1.0
    y_scale, x_scale = AxisScale(0, top, _BOTTOM, _TOP), AxisScale(0, len(rows), _LEFT, _RIGHT)
    parts = [draw_y_axis(y_scale, x_scale, chart.y_label)]
    for number, row in enumerate(rows):
        x, tooltip = x_scale.at(number + 0.5), element("title", row.tooltip)
        low = y_scale.at(max(row.low, 0.0))
        is_open = math.isinf(row.high)
        high = max(y_scale.at(row.size) - _ARROW, _TOP) if is_open else y_scale.at(row.high)
        pieces = [draw_line(x, low, x, high, "whisker")]
        if is_open:
            pieces += [draw_line(x + side, high + 6, x, high, "whisker") for side in (-4, 4)]
        else:
            pieces.append(draw_line(x - 4, high, x + 4, high, "whisker"))
        pieces.append(draw_line(x - 4, low, x + 4, low, "whisker"))
        point = element("circle", tooltip, cx=x, cy=y_scale.at(row.size), r=4, class_=row.class_)
        parts.append(_linked(join(*pieces, point), row.href))
    parts.append(draw_line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, "axis"))
    middle = (_LEFT + _RIGHT) / 2
    parts.append(draw_text(chart.x_label, middle, _BOTTOM + 22, "label middle"))
    if limit is not None:
        y = y_scale.at(limit[0])
        parts.append(draw_line(_LEFT, y, _RIGHT, y, "threshold"))
        parts.append(draw_text(limit[1], _RIGHT, y - 5, "mark end"))
    return draw_svg(chart, _HEIGHT - 18, parts, width=WIDE)


def _linked(drawing: Markup, href: str | None) -> Markup:
    return drawing if href is None else element("a", drawing, href=href)


def size_edges(values: Sequence[float], most: int = 14) -> list[float]:
    """Round edges of classes around all values: equal steps, or 1, 2, 5, 10 ... if the largest
    value is above 30 times the smallest."""
    low, high = min(values), max(values)
    if low > 0 and high / low > 30:
        steps = (f * 10.0**k for k in range(math.floor(math.log10(low)), 9) for f in (1, 2, 5))
        edges = []
        for step in steps:
            edges.append(float(f"{step:.3g}"))
            if step > high:
                break
        first = max(k for k, edge in enumerate(edges) if edge <= low)
        return edges[first:]
    step = round_step(max(high - low, high * 0.1, 1e-9) / most)
    first_step = math.floor(low / step)
    last_step = max(math.floor(high / step) + 1, first_step + 1)
    return [float(f"{k * step:.6g}") for k in range(first_step, last_step + 1)]
