"""Draws the roll map: the web with every defect to scale, in strips below each other."""

import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import cv2

from inspector.core.errors import SinkError
from inspector.core.files import write_whole
from inspector.core.types import Severity
from inspector.outputs.folder import ROLL_MAP_PNG, ROLL_MAP_SVG
from inspector.report.drawing import (
    AnyShape,
    Box,
    Drawing,
    Hatch,
    Line,
    Shape,
    Text,
    box_points,
    paint_pixels,
    paint_svg,
)
from inspector.report.roll import Roll, RollDefect
from inspector.report.roll_marks import SIZE, Labels, Points, clip, enlarge
from inspector.report.roll_scale import PLOT, choose_scale, choose_step, sum_up
from inspector.report.roll_texts import RollWording, english

WIDTH: Final = 1600
LEFT: Final = 90
"""Pixels to the left of the strips."""

MARK: Final = 3.0
"""Smallest side of a defect in pixels."""

MOST_TITLES: Final = 10_000
"""With more defects the SVG has no text at the mouse, so that it stays small."""

MOST_LABELS: Final = 1000
"""With more defects on a strip they have no numbers, because few would find a place."""

BAR: Final = 26
_BELOW: Final = 44
_LINE: Final = 19
_CHARACTERS: Final = 230

COLOURS: Final = {
    Severity.LOW: "2f9fd0",
    Severity.MEDIUM: "d9a400",
    Severity.HIGH: "e8640c",
    Severity.CRITICAL: "c1122b",
}
"""Those of the annotated video, darker, because the map is white."""

CAUSE_COLOURS: Final = ("6a4c93", "3a7d44", "7f5539", "1d3557", "8d99ae", "b5179e", "606c38")
"""Colours of the causes in their order on the web. They repeat if there are more."""

_GREY: Final = "777777"
_GAP: Final = "6a00f4"

PAGE_STRIPS: Final = 5
"""Strips of one page."""


def roll_map_svg(
    roll: Roll,
    *,
    notes: Sequence[str] = (),
    link: str = "",
    wording: RollWording | None = None,
) -> str:
    """The map as one `<svg>` element. notes: sentences above the map. link: beginning of the
    address behind each defect, which its label completes, such as "#"; "" for none. wording:
    English by default."""
    return paint_svg(_RollMap(roll, wording or english(roll), link).draw(notes))


def roll_map_pages(
    roll: Roll, *, notes: Sequence[str], link: str, wording: RollWording
) -> list[str]:
    """The map as several `<svg>` elements of PAGE_STRIPS strips each, to be printed."""
    drawer = _RollMap(roll, wording, link)
    firsts = range(0, drawer.scale.strips, PAGE_STRIPS)
    return [paint_svg(drawer.draw(notes, first, first + PAGE_STRIPS)) for first in firsts]


def write_roll_map(folder: Path, roll: Roll, *, notes: Sequence[str] = ()) -> None:
    """Writes roll_map.svg and roll_map.png, which show the same. Raises SinkError."""
    drawing = _RollMap(roll, english(roll), "").draw(notes)
    encoded, data = cv2.imencode(".png", paint_pixels(drawing))
    if not encoded:
        raise SinkError(f"{folder / ROLL_MAP_PNG} cannot be encoded")
    write_whole(folder / ROLL_MAP_SVG, paint_svg(drawing).encode())
    write_whole(folder / ROLL_MAP_PNG, data.tobytes())


class _RollMap:
    """Makes the shapes of a map. scale: how the web is divided into strips."""

    def __init__(self, roll: Roll, wording: RollWording, link: str) -> None:
        self._roll, self._wording, self._link = roll, wording, link
        self.scale = choose_scale(roll)
        self._counts, self._areas = sum_up(roll, self.scale.step)
        causes = dict.fromkeys(span.cause for span in (*roll.lost, *roll.bands))
        self._causes = {
            cause: CAUSE_COLOURS[i % len(CAUSE_COLOURS)] for i, cause in enumerate(causes)
        }
        ranks = list(Severity)
        self._on_strip: list[list[RollDefect]] = [[] for _ in range(self.scale.strips)]
        for defect in sorted(roll.defects, key=lambda d: ranks.index(d.severity)):
            start, end = (self._strip_of(place) for place in defect.span)
            for strip in range(start, end + 1):
                self._on_strip[strip].append(defect)

    def draw(self, notes: Sequence[str], first: int = 0, last: int | None = None) -> Drawing:
        """The strips from first to last - 1."""
        shapes, y = self._draw_head(notes)
        for strip in range(self.scale.strips)[first:last]:
            shapes += self._draw_strip(strip, y)
            y += 2 * (BAR + 4) + self.scale.height + _BELOW
        return Drawing(WIDTH, round(y), shapes)

    def _strip_of(self, place: float) -> int:
        return min(max(int(place // self.scale.length), 0), self.scale.strips - 1)

    def _draw_head(self, notes: Sequence[str]) -> tuple[list[AnyShape], float]:
        shapes: list[AnyShape] = []
        y = 30.0
        shapes.append(
            Text(f"{self._wording.text('roll_title')}: {self._roll.name}", (20, y), 17, bold=True)
        )
        for sentence in (*self._describe(), *notes):
            for line in textwrap.wrap(sentence, _CHARACTERS) or [""]:
                y += _LINE
                shapes.append(Text(line, (20, y)))
        x = 20.0
        for sign, text in self._list_signs():
            end = x + 46 + 6.6 * len(text)
            if x == 20 or end > WIDTH:
                x, y, end = 20.0, y + _LINE + 4, end - x + 20
            box = (x, y - 11, x + 18, y + 1)
            shapes += [sign(box), Text(text, (x + 24, y))]
            x = end
        return shapes, y + 26

    def _describe(self) -> list[str]:
        most = int(self._counts.max()), float(self._areas.max())
        wording = self._wording
        return [*wording.describe_roll(), wording.describe_scale(self.scale, MARK, most)]

    def _list_signs(self) -> Iterator[tuple[Callable[[Box], AnyShape], str]]:
        """The functions that draw the signs of the legend in a box, and their texts."""
        numbers = Counter(defect.severity for defect in self._roll.defects)
        wording, text = self._wording, self._wording.text
        for severity in reversed(Severity):
            colour = COLOURS[severity]
            yield (
                partial(_draw_square, colour),
                f"{text.word('severity', severity)} ({numbers[severity]})",
            )
        for cause, colour in self._causes.items():
            yield (
                partial(Hatch, colour=colour),
                text("map_not_inspected", cause=wording.cause(cause)),
            )
        if self._roll.gaps:
            yield partial(_draw_square, _GAP), text("map_gap")

    def _draw_strip(self, strip: int, top: float) -> list[AnyShape]:
        scale, roll = self.scale, self._roll
        start = strip * scale.length
        end = min(start + scale.length, max(roll.length, start))
        web = top + 2 * (BAR + 4)
        bottom, right = web + scale.height, self._x(end, strip)
        background = Shape(box_points(LEFT, web, right, bottom), "f4f4f1")
        shapes = [*self._draw_bars(strip, top), background]
        for span in roll.bands:
            y0, y1 = (web + side * scale.across for side in (span.start, span.end))
            box = (float(LEFT), y0, right, y1)
            shapes += self._draw_hatch(box, span.cause, self._wording.band(span.start, span.end))
        for span in roll.lost:
            if span.end > start and span.start < end:
                x0, x1 = (self._x(min(max(p, start), end), strip) for p in (span.start, span.end))
                box = (x0, web, max(x1, x0 + 2), bottom)
                place = self._wording.span(span.start, span.end)
                shapes += self._draw_hatch(box, span.cause, place)
        shapes += [
            Shape(
                box_points(x - 1, web - 4, x + 1, bottom + 4),
                _GAP,
                title=self._wording.text("map_gap"),
            )
            for x in (self._x(p, strip) for p in roll.gaps if start <= p < end)
        ]
        shapes += self._draw_axes(strip, web, right)
        return shapes + self._draw_defects(strip, web)

    def _draw_bars(self, strip: int, top: float) -> list[AnyShape]:
        step, start = self.scale.step, strip * self.scale.length
        shapes: list[AnyShape] = []
        rows = (("map_count", self._counts, "40506a"), ("map_area", self._areas, "9a6a3a"))
        first = round(start / step)
        count = round(self.scale.length / step)
        for row, (key, values, colour) in enumerate(rows):
            base = top + row * (BAR + 4) + BAR
            shapes.append(Text(self._wording.text(key), (LEFT - 8, base - 8), 11, "end", _GREY))
            shapes.append(Line((LEFT, base), (self._x(self._end(strip), strip), base), "bbbbbb"))
            largest = float(values.max()) or 1.0
            for index in range(first, min(first + count, len(values))):
                if (value := float(values[index])) > 0:
                    ends = (index * step, min((index + 1) * step, self._roll.length))
                    x0, x1 = (self._x(place, strip) for place in ends)
                    box = box_points(x0 + 0.5, base - BAR * value / largest, x1 - 0.5, base)
                    shapes.append(Shape(box, colour))
        return shapes

    def _draw_hatch(self, box: Box, cause: str, place: str) -> list[AnyShape]:
        text, colour = self._wording.cause(cause), self._causes[cause]
        title = f"{self._wording.not_inspected(cause)}, {place}"
        shapes: list[AnyShape] = [Hatch(box, colour, title)]
        x0, y0, x1, y1 = box
        width, middle = 7.0 * len(text), (y0 + y1) / 2
        if x1 - x0 > width + 8 and y1 - y0 > 16:
            x = (x0 + x1) / 2
            shapes.append(
                Shape(box_points(x - width / 2, middle - 8, x + width / 2, middle + 7), "ffffff")
            )
            shapes.append(Text(text, (x, middle + 4), 12, "middle", colour))
        return shapes

    def _draw_axes(self, strip: int, web: float, right: float) -> list[AnyShape]:
        scale, roll = self.scale, self._roll
        bottom = web + scale.height
        shapes: list[AnyShape] = [
            Line((LEFT, web), (right, web), _GREY),
            Line((LEFT, bottom), (right, bottom), _GREY),
        ]
        step = choose_step(scale.length, 16)
        start = strip * scale.length
        for tick in range(int(scale.length / step * (1 + 1e-9)) + 1):
            place = start + tick * step
            if place <= self._end(strip) * (1 + 1e-9):
                x = self._x(place, strip)
                shapes.append(Line((x, bottom), (x, bottom + 5), _GREY))
                shapes.append(
                    Text(self._wording.along(place), (x, bottom + 18), 11, "middle", "444444")
                )
        step = choose_step(roll.width, int(scale.height // 26))
        for tick in range(int(roll.width / step * (1 + 1e-9)) + 1):
            y = web + tick * step * scale.across
            shapes.append(Line((LEFT - 5, y), (LEFT, y), _GREY))
            unit = f" {roll.unit}" if tick == 0 else ""
            shapes.append(Text(f"{tick * step:g}{unit}", (LEFT - 8, y + 4), 11, "end", "444444"))
        return shapes

    def _draw_defects(self, strip: int, web: float) -> list[AnyShape]:
        titled = len(self._roll.defects) <= MOST_TITLES
        shapes: list[AnyShape] = []
        labels = Labels((LEFT, web, LEFT + PLOT, web + self.scale.height))
        marks = []
        labelled = len(self._on_strip[strip]) <= MOST_LABELS
        for defect in self._on_strip[strip]:
            points = self._mark(defect, strip, web)
            title = self._wording.describe_defect(defect) if titled else ""
            link = self._link + defect.label if self._link and titled else ""
            shapes.append(Shape(points, COLOURS[defect.severity], True, title, link))
            if labelled:
                labels.cover(points)
                marks.append((defect.label.lstrip("d"), points))
        for number, points in reversed(marks):  # the most severe first
            if (place := labels.place(number, points)) is not None:
                shapes.append(Text(number, place, SIZE))
        return shapes

    def _mark(self, defect: RollDefect, strip: int, web: float) -> Points:
        """The outline of a defect on the strip, at least MARK wide and high."""
        points = [
            (self._x(along, strip), web + across * self.scale.across)
            for along, across in defect.outline
        ]
        points = clip(points, LEFT, LEFT + PLOT)
        if not points:  # outside the web that was measured
            x = min(max(self._x(defect.along, strip), LEFT), LEFT + PLOT)
            points = [(x, web + defect.across * self.scale.across)]
        bottom = web + self.scale.height
        return enlarge([(x, min(max(y, web), bottom)) for x, y in points], MARK)

    def _x(self, along: float, strip: int) -> float:
        return LEFT + (along - strip * self.scale.length) * self.scale.along

    def _end(self, strip: int) -> float:
        return min((strip + 1) * self.scale.length, self._roll.length)


def _draw_square(colour: str, box: Box) -> Shape:
    return Shape(box_points(*box), colour)
