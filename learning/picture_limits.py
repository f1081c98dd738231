"""Summarises good pictures for the engine file: figures with limits, and a reference view.

The limits of a figure enclose the values of the good pictures with a margin on each side. The
margin is the largest of three: a floor; a multiple of the spread of the values; and the distance
from the outermost value to the next, so that one odd picture widens the limits. The multiple is
larger for few pictures, as in a tolerance interval.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from engines import png
from engines.picture_statistics import FIGURES, MATCHES, PictureMeter, shrink
from engines.spec_fields import QUANTILES, PictureFigure, PictureStatistics, ReferenceView
from inspector.core.arrays import Image, Mask

SPREADS: Final = 4.0
"""Margin for many pictures, in spreads."""

LOG_OFFSET: Final = 0.5
"""Grey levels. The limits of LOGARITHMIC figures are computed from log(value + LOG_OFFSET)."""

LOGARITHMIC: Final = ("contrast", "sharpness", "flattest_cell")

FLOORS: Final = {
    "brightness": (12.0, 12.0),
    "contrast": (0.15, math.log(2)),
    "sharpness": (0.2, math.log(2)),
    "red_green": (10.0, 10.0),
    "blue_green": (10.0, 10.0),
    "darkest_cell": (10.0, 10.0),
    "brightest_cell": (10.0, 10.0),
    "flattest_cell": (0.3, math.inf),
    "match": (0.1, math.inf),
    "cell_match": (0.1, math.inf),
}
"""Figure -> smallest margins (low, high), in grey levels, as a logarithm of a ratio, or as a
correlation. Light and lens may change by this much without harm. A defect adds contrast and edges,
so the margins are wider there."""

LEAST_SHARE: Final = 0.25
"""Contrast and sharpness below this share of the lowest good picture are always outside."""

LEAST_ALIGNED: Final = 8
"""Pictures that are needed to prove that the product is always in the same place."""

ALIGNED_MATCH: Final = 0.5
"""Smallest match of each good picture with the mean of the others if they are aligned."""

USEFUL_MATCH: Final = 0.2
"""A match with a lower limit than this would detect nothing. Unrelated pictures reach 0.1."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GoodPictures:
    """The fields good_pictures and reference_view of an EngineSpec. view: None for pictures that
    are not aligned."""

    statistics: PictureStatistics
    view: ReferenceView | None


def summarise_pictures(
    pictures: Iterable[Image],
    inside: Mask | None = None,
    *,
    independent: int | None = None,
    bit_depth: int | None = None,
) -> GoodPictures:
    """Measures at least one good picture, (H, W, 3) uint8 RGB at the engine's input.

    inside: (H, W), the inspected pixels; None is all. independent: number of independent parts, for
    frames of a stream; None: every picture. bit_depth: of the original pictures. The rate of false
    alarms is that of the limits without each picture in turn, with one more picture and one more
    alarm (the mean of the rule of succession). One picture gives no limits.
    """
    meter = PictureMeter(inside)
    measured, views = [], []
    for pixels in pictures:
        measured.append(meter.measure(pixels))
        views.append(shrink(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)))
    count = min(len(measured), independent or len(measured))
    columns = {name: np.array([row[name] for row in measured]) for name in FIGURES}
    view = None
    if count >= LEAST_ALIGNED:
        matches = _match_others(views, inside)
        if matches[MATCHES[0]].min() >= ALIGNED_MATCH:
            limited = {name: v for name, v in matches.items() if _is_useful(name, v, count)}
            if MATCHES[0] in limited:
                columns |= limited
                view = _reference_view(views, len(measured))
    figures = tuple(_figure(name, values, count) for name, values in columns.items())
    rate = None
    if len(measured) > 1:
        rate = (_count_outside(columns, count) * count / len(measured) + 1) / (count + 1)
    return GoodPictures(PictureStatistics(len(measured), figures, bit_depth, rate), view)


def _figure(name: str, values: Values, count: int) -> PictureFigure:
    low, high = _limits(name, values, count) if len(values) > 1 else (None, None)
    # Sorted, because interpolation between equal values may fall by its last bit.
    quantiles = np.sort(np.quantile(values, QUANTILES))
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return PictureFigure(
        name, float(np.mean(values)), spread, tuple(map(float, quantiles)), low, high
    )


def _limits(name: str, values: Values, count: int) -> tuple[float | None, float | None]:
    """count: number of independent values, at least 2."""
    logarithmic = name in LOGARITHMIC
    row = np.sort(np.log(values + LOG_OFFSET) if logarithmic else values)
    multiple = SPREADS * (1 + 8 / count + 64 / count**2)
    low, high = (
        end - sign * max(floor, multiple * _spread(row), abs(end - beside))
        for end, beside, sign, floor in (
            (row[0], row[1], 1, FLOORS[name][0]),
            (row[-1], row[-2], -1, FLOORS[name][1]),
        )
    )
    if logarithmic:
        low, high = math.exp(low) - LOG_OFFSET, math.exp(min(high, 700)) - LOG_OFFSET
        if name != "flattest_cell":
            low = max(low, LEAST_SHARE * float(values.min()))
    return float(low), float(high) if math.isfinite(FLOORS[name][1]) else None


def _spread(row: Values) -> float:
    """Standard deviation of a normal distribution with the same 5 % and 95 % quantiles."""
    low, high = np.quantile(row, (0.05, 0.95))
    return float(high - low) / 3.29


def _count_outside(columns: dict[str, Values], count: int) -> int:
    """Pictures outside the limits that the others give. Only the outermost can be outside."""
    outermost = {int(end(values)) for values in columns.values() for end in (np.argmin, np.argmax)}
    fewer = max(2, count - 1)
    return sum(
        any(
            _is_outside(values[index], _limits(name, np.delete(values, index), fewer))
            for name, values in columns.items()
            if len(values) > 2
        )
        for index in outermost
    )


def _is_outside(value: float, limits: tuple[float | None, float | None]) -> bool:
    low, high = limits
    return (low is not None and value < low) or (high is not None and value > high)


def _match_others(views: list[Image], inside: Mask | None) -> dict[str, Values]:
    """Each figure of MATCHES, of each view with the mean of the other views."""
    total = np.sum(views, axis=0, dtype=np.float64)
    rows = []
    for view in views:
        others = PictureMeter(inside, _rounded((total - view) / (len(views) - 1)))
        assert others.reference is not None
        rows.append(others.reference.match(others.band_pass(view)))
    return dict(zip(MATCHES, np.array(rows).T, strict=True))


def _is_useful(name: str, values: Values, count: int) -> bool:
    low, _ = _limits(name, values, count)
    return low is not None and low >= USEFUL_MATCH


def _reference_view(views: list[Image], count: int) -> ReferenceView:
    mean = _rounded(np.mean(views, axis=0))
    height, width = mean.shape
    return ReferenceView((height, width), png.encode(mean), count, aligned=True)


def _rounded(plane: Values) -> Image:
    return np.asarray(np.rint(plane), np.uint8)
