"""What cumulative counts of found and falsely alarmed samples say, the threshold falling.

found and alarms are (..., k) float64 along the last axis: how many anomalous and how many normal
samples lie at or above each of k falling, distinct thresholds; the last entry counts all of them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

F1_GUARD: Final = 1e-7
"""Added to precision + recall as in the published evaluations, so a perfect F1 is 1 - 5e-8."""


@dataclass(frozen=True, slots=True)
class Steps:
    """thresholds: (k,) float64, the distinct scores falling. found, alarms: (k,), as above."""

    thresholds: Floats
    found: Floats
    alarms: Floats


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of a plot, one per threshold: x and y are (k,) float64, thresholds fall."""

    x: Floats
    y: Floats
    thresholds: Floats


def run_starts(ordered: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Where runs of equal values begin."""
    return np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: ordered.size])


def run_ends(ordered: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Where runs of equal values end: a threshold cannot part them, so their last one counts."""
    return np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)[: ordered.size])


def area_under_roc(found: Floats, alarms: Floats) -> Floats:
    """Ties counted half (Mann-Whitney). (...) float64, NaN where one of the kinds is missing."""
    widths = np.diff(alarms, prepend=0.0, axis=-1)
    heights = found - np.diff(found, prepend=0.0, axis=-1) / 2
    return _ratio((widths * heights).sum(axis=-1), found[..., -1] * alarms[..., -1])


def average_precision(found: Floats, alarms: Floats) -> Floats:
    """Sum of the steps of recall times the precision after each; (...) float64, NaN as above."""
    steps = np.diff(found, prepend=0.0, axis=-1)
    total = (steps * precision(found, alarms)).sum(axis=-1)
    return _ratio(np.where(alarms[..., -1] > 0, total, np.nan), found[..., -1])


def precision(found: Floats, alarms: Floats) -> Floats:
    """0 where nothing lies at or above the threshold, which only resampled counts can bring."""
    fails = found + alarms
    return np.divide(found, fails, out=np.zeros_like(fails), where=fails > 0)


def f1(found: Floats, alarms: Floats) -> Floats:
    """(..., k): F1 at each threshold, 2PR / (P + R + F1_GUARD)."""
    p, r = precision(found, alarms), _ratio(found, found[..., -1:])
    return 2 * p * r / (p + r + F1_GUARD)


def area_below(rates: Floats, heights: Floats, limit: float) -> float:
    """Area under the polygon through (0, 0) and the points, up to the rate `limit`, over `limit`.

    rates, heights: (k,), both rising and the rates ending at or beyond the limit. The last point is
    interpolated linearly at the limit, as in the reference evaluation of MVTec AD.
    """
    x, y = np.append(0.0, rates), np.append(0.0, heights)
    last = int(np.searchsorted(x, limit, side="right"))
    if last < len(x) and x[last - 1] < limit:
        share = (limit - x[last - 1]) / (x[last] - x[last - 1])
        end = y[last - 1] + share * (y[last] - y[last - 1])
        x, y = np.append(x[:last], limit), np.append(y[:last], end)
    else:
        x, y = x[:last], y[:last]
    return float(np.trapezoid(y, x) / limit)


def _ratio(part: Floats, whole: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return part / whole
