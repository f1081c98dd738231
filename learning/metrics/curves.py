"""Figures from the numbers of detected samples and false alarms at falling thresholds.

detected and alarms are (..., k) float64. Along the last axis they say how many anomalous and how
many normal samples are at or above each of k falling, distinct thresholds. The last entry counts
all of them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Steps:
    """thresholds: (k,) float64, the distinct scores, falling. detected, alarms: (k,), as above."""

    thresholds: Floats
    detected: Floats
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
    """Where runs of equal values end. A threshold cannot separate them, so the last one counts."""
    return np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)[: ordered.size])


def area_under_roc(detected: Floats, alarms: Floats) -> Floats:
    """Ties counted half (Mann-Whitney). (...) float64, NaN if one of the kinds is missing."""
    widths = np.diff(alarms, prepend=0.0, axis=-1)
    heights = detected - np.diff(detected, prepend=0.0, axis=-1) / 2
    return _ratio((widths * heights).sum(axis=-1), detected[..., -1] * alarms[..., -1])


def average_precision(detected: Floats, alarms: Floats) -> Floats:
    """Sum of the steps of recall times the precision after each; (...) float64, NaN as above."""
    steps = np.diff(detected, prepend=0.0, axis=-1)
    total = (steps * precision(detected, alarms)).sum(axis=-1)
    return _ratio(np.where(alarms[..., -1] > 0, total, np.nan), detected[..., -1])


def precision(detected: Floats, alarms: Floats) -> Floats:
    """0 if nothing is at or above the threshold, which happens in resampled counts only."""
    fails = detected + alarms
    return np.divide(detected, fails, out=np.zeros_like(fails), where=fails > 0)


def f1(detected: Floats, alarms: Floats) -> Floats:
    """(..., k): F1 at each threshold, 2 TP / (2 TP + FP + FN); NaN without anomalous samples.

    Published evaluations add 1e-7 to precision + recall, which makes a perfect F1 0.99999995.
    """
    total = detected[..., -1:]
    return _ratio(2 * detected, np.where(total > 0, detected + alarms + total, 0))


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
