"""Figures of how well one score per picture separates normal from anomalous."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from inspector.core.errors import DataError
from learning.metrics import curves
from learning.metrics.curves import Floats, Steps
from learning.metrics.value import Metric

Scores = npt.NDArray[np.floating]
Kinds = npt.NDArray[np.bool_]


def steps(scores: Scores, anomalous: Kinds) -> Steps:
    """Both have the same shape, any. Raises DataError for scores that are not finite."""
    values, truth = scores.ravel().astype(np.float64), anomalous.ravel()
    if values.shape != truth.shape:
        raise DataError(f"{values.size} scores were given for {truth.size} pictures")
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise DataError(f"{bad} of {values.size} scores are not finite numbers")
    order = np.argsort(-values, kind="stable")
    values, truth = values[order], truth[order]
    ends = curves.run_ends(values)
    detected = np.cumsum(truth, dtype=np.float64)[ends]
    return Steps(values[ends], detected, ends + 1.0 - detected)


def auroc(scores: Scores, anomalous: Kinds) -> Metric:
    """Chance that an anomalous one scores above a normal one, ties counted half (Mann-Whitney)."""
    return _metric(curves.area_under_roc, steps(scores, anomalous))


def average_precision(scores: Scores, anomalous: Kinds) -> Metric:
    """Sum of steps, no trapezoids; without normals every precision is 1, so it is undefined."""
    return _metric(curves.average_precision, steps(scores, anomalous))


def f1_max(scores: Scores, anomalous: Kinds) -> tuple[Metric, float]:
    """Greatest F1 and the highest threshold that reaches it, NaN if it is undefined.

    The threshold is chosen on the same pictures, so this is the best possible value. New pictures
    will give less.
    """
    counted = steps(scores, anomalous)
    missing = _missing(counted)
    if missing:
        return Metric.undefined(missing), math.nan
    values = curves.f1(counted.detected, counted.alarms)
    best = int(np.argmax(values))
    return Metric(float(values[best])), float(counted.thresholds[best])


def _metric(figure: Callable[[Floats, Floats], Floats], counted: Steps) -> Metric:
    missing = _missing(counted)
    if missing:
        return Metric.undefined(missing)
    return Metric(float(figure(counted.detected, counted.alarms)))


def _missing(counted: Steps) -> str:
    """Why the figures are undefined; empty if they are defined."""
    if not counted.detected.size or not counted.detected[-1]:
        return "no defective pictures"
    return "" if counted.alarms[-1] else "no good pictures"
