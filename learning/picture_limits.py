"""Summarises good pictures for the engine file: figures with limits, and a reference view.

The limits of a figure enclose the values of the good pictures with a margin on each side. The
margin is the largest of three: a floor; a multiple of the spread of the values; and the distance
from the outermost value to the next, so that one odd picture widens the limits. The multiple is
larger for few pictures, as in a tolerance interval. It grows until each good picture is inside the
limits that the others give.
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

GROWTH: Final = 1.5
"""Factor by which the multiple of a figure grows."""

MOST_GROWTHS: Final = 8

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
    "clipped": (100.0, 5.0),
    "match": (0.1, math.inf),
    "cell_match": (0.1, math.inf),
}
"""Figure -> smallest margins (low, high), in grey levels, as a logarithm of a ratio, in % or as a
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
    """The fields good_pictures and reference_view of an EngineSpec. view: None if there are fewer
    than LEAST_ALIGNED independent pictures."""

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
    alarms is (k + 1) / (n + 1) if k of n independent pictures are outside the limits that the
    others give. One picture gives no limits.
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
        matches, limited = _match_others(views, inside), {}
        if matches[MATCHES[0]].min() >= ALIGNED_MATCH:
            limited = {name: v for name, v in matches.items() if _is_useful(name, v, count)}
        aligned = MATCHES[0] in limited
        columns |= limited if aligned else {}
        view = _reference_view(views, aligned=aligned)
    multiples = {name: _grow(name, values, count) for name, values in columns.items()}
    figures = tuple(_figure(name, values, multiples[name]) for name, values in columns.items())
    rate = None
    if len(measured) > 1:
        alone: set[int] = set()
        for name, values in columns.items():
            alone |= _left_outside(name, values, multiples[name])
        rate = (len(alone) * count / len(measured) + 1) / (count + 1)
    return GoodPictures(PictureStatistics(len(measured), figures, bit_depth, rate), view)


def _figure(name: str, values: Values, multiple: float) -> PictureFigure:
    low, high = _limits(name, values, multiple) if len(values) > 1 else (None, None)
    # Sorted, because interpolation between equal values may fall by its last bit.
    quantiles = np.sort(np.quantile(values, QUANTILES))
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return PictureFigure(
        name, float(np.mean(values)), spread, tuple(map(float, quantiles)), low, high
    )


def _limits(name: str, values: Values, multiple: float) -> tuple[float | None, float | None]:
    """values: at least 2. multiple: smallest margin in spreads."""
    logarithmic = name in LOGARITHMIC
    row = np.sort(np.log(values + LOG_OFFSET) if logarithmic else values)
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


def _grow(name: str, values: Values, count: int) -> float:
    """The multiple of a figure. count: number of independent values."""
    multiple = SPREADS * (1 + 8 / count + 64 / count**2)
    for _ in range(MOST_GROWTHS):
        if not _left_outside(name, values, multiple):
            break
        multiple *= GROWTH
    return multiple


def _left_outside(name: str, values: Values, multiple: float) -> set[int]:
    """Indices of values outside the limits that the others give. Only the ends can be outside."""
    if len(values) < 3:
        return set()
    return {
        int(index)
        for index in (np.argmin(values), np.argmax(values))
        if _is_outside(values[index], _limits(name, np.delete(values, index), multiple))
    }


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
    low, _ = _limits(name, values, _grow(name, values, count))
    return low is not None and low >= USEFUL_MATCH


def _reference_view(views: list[Image], *, aligned: bool) -> ReferenceView:
    mean = _rounded(np.mean(views, axis=0))
    height, width = mean.shape
    return ReferenceView((height, width), png.encode(mean), len(views), aligned=aligned)


def _rounded(plane: Values) -> Image:
    return np.asarray(np.rint(plane), np.uint8)
