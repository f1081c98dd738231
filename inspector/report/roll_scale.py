"""Chooses the scale of a roll map, and sums up the defects of each metre."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.report.roll import Roll

PLOT: Final = 1480
"""Width of a strip in pixels."""

MOST_STRIPS: Final = 25
LEAST_HEIGHT, MOST_HEIGHT = 80, 1000
"""Height of a strip in pixels."""

MOST_TOGETHER: Final = 2400
"""Height of all strips in pixels, unless they are as low as possible."""

_LEAST_BAR: Final = 3.0
"""Width of a bar in pixels."""


@dataclass(frozen=True, slots=True)
class RollScale:
    """length: of the web on one strip. strips: number of them. height: of a strip in pixels. step:
    length of web of one bar. along, across: pixels per unit of the roll."""

    length: float
    strips: int
    height: float
    step: float
    along: float
    across: float


def choose_scale(roll: Roll) -> RollScale:
    """The same scale along and across, unless the web is so long that it would be too low; then it
    is drawn wider than it is. The shorter the web, the higher are the strips, so that it is seen in
    detail."""
    metre = 1000.0 if roll.unit == "mm" else 1.0
    for length in _round_numbers(0.01 * metre):
        strips = max(1, math.ceil(roll.length / length - 1e-9))
        height = roll.width / length * PLOT
        if strips <= MOST_STRIPS and height <= min(MOST_HEIGHT, MOST_TOGETHER / strips):
            break
    height = max(height, LEAST_HEIGHT)
    first = metre if roll.unit == "mm" else length / 20
    step = next(step for step in _round_numbers(first) if step * PLOT / length >= _LEAST_BAR)
    return RollScale(length, strips, height, min(step, length), PLOT / length, height / roll.width)


def choose_step(length: float, most: int) -> float:
    """A round distance of ticks, so that the length has at most `most` of them."""
    return next(step for step in _round_numbers(1e-3) if length / step <= most)


def sum_up(roll: Roll, step: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Number and area of the defects on each length `step` of the web.

    A defect counts where its centre is. Its area is spread evenly over its length.
    """
    bins = max(1, math.ceil(roll.length / step - 1e-9))
    counts, areas = np.zeros(bins, np.int64), np.zeros(bins)
    for defect in roll.defects:
        counts[_index(defect.along, step, bins)] += 1
        start, end = defect.span
        first, last = _index(start, step, bins), _index(end, step, bins)
        if first == last:
            areas[first] += defect.area
            continue
        edges = np.clip(np.arange(first, last + 2) * step, start, end)
        edges[0], edges[-1] = start, end
        areas[first : last + 1] += defect.area * np.diff(edges) / (end - start)
    return counts, areas


def _index(place: float, step: float, bins: int) -> int:
    return min(max(int(place // step), 0), bins - 1)


def _round_numbers(first: float) -> Iterator[float]:
    """first x 1, 2, 5, 10, 20, ..."""
    while True:
        yield from (first, 2 * first, 5 * first)
        first *= 10
