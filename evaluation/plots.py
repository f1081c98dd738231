"""Curves and histograms of a result, thinned for a plot."""

from typing import Final

import numpy as np

from evaluation.results import Curve, Histogram
from inspector.core.errors import DataError
from learning.metrics.curves import Floats, Steps, precision
from learning.metrics.pixels import FPR_LIMIT, PixelCurve

MOST_POINTS: Final = 300
BINS: Final = 60


def roc(name: str, steps: Steps) -> Curve:
    """x: false-positive rate, y: true-positive rate, from (0, 0)."""
    x = np.append(0.0, steps.alarms / steps.alarms[-1])
    y = np.append(0.0, steps.found / steps.found[-1])
    return thinned(name, x, y, np.append(np.inf, steps.thresholds))


def precision_recall(name: str, steps: Steps) -> Curve:
    """x: recall, y: precision."""
    x = steps.found / steps.found[-1]
    return thinned(name, x, precision(steps.found, steps.alarms), steps.thresholds)


def thinned(name: str, x: Floats, y: Floats, thresholds: Floats) -> Curve:
    """At most MOST_POINTS of the points, evenly spread along the line, its ends among them."""
    index = np.arange(len(x))
    if len(x) > MOST_POINTS:
        run = np.append(0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
        wanted = np.linspace(0, run[-1], MOST_POINTS)
        index = np.unique(np.append(np.searchsorted(run, wanted), len(x) - 1))
    values = thresholds[index].tolist()
    return Curve(
        name=name,
        x=tuple(x[index].tolist()),
        y=tuple(y[index].tolist()),
        thresholds=tuple(value if np.isfinite(value) else None for value in values),
    )


def histogram(steps: Steps) -> Histogram:
    """Of all that the steps count, in BINS bins of one width over their range."""
    if not steps.thresholds.size:
        raise DataError("there are no scores to count")
    low, high = float(steps.thresholds[-1]), float(steps.thresholds[0])
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    good, defective = (
        np.histogram(steps.thresholds, edges, weights=np.diff(counts, prepend=0.0))[0]
        for counts in (steps.alarms, steps.found)
    )
    return Histogram(
        edges=tuple(edges.tolist()),
        good=tuple(int(count) for count in np.rint(good)),
        defective=tuple(int(count) for count in np.rint(defective)),
    )


def overlap(curve: PixelCurve) -> Curve:
    """x: false-positive rate up to where AUPRO ends, y: mean share of a region."""
    line = curve.pro_curve()
    last = int(np.searchsorted(line.x, FPR_LIMIT, side="right")) + 1
    x, y = np.append(0.0, line.x[:last]), np.append(0.0, line.y[:last])
    return thinned("pro", x, y, np.append(np.inf, line.thresholds[:last]))
