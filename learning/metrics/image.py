"""How well one score per picture separates normal from anomalous."""

import math

import numpy as np
import numpy.typing as npt

from inspector.core.errors import DataError
from learning.metrics import curves
from learning.metrics.curves import Steps
from learning.metrics.value import Metric

Scores = npt.NDArray[np.floating]
Kinds = npt.NDArray[np.bool_]


def steps(scores: Scores, anomalous: Kinds) -> Steps:
    """Both of any shape, the same. Raises DataError for scores that are not finite."""
    values, truth = scores.ravel().astype(np.float64), anomalous.ravel()
    if values.shape != truth.shape:
        raise DataError(f"{values.size} scores were given for {truth.size} pictures")
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise DataError(f"{bad} of {values.size} scores are not finite numbers")
    order = np.argsort(-values, kind="stable")
    values, truth = values[order], truth[order]
    ends = curves.run_ends(values)
    found = np.cumsum(truth, dtype=np.float64)[ends]
    return Steps(values[ends], found, ends + 1.0 - found)


def auroc(scores: Scores, anomalous: Kinds) -> Metric:
    """Chance that an anomalous one scores above a normal one, ties counted half (Mann-Whitney)."""
    counted = steps(scores, anomalous)
    missing = _missing(counted)
    if missing:
        return Metric.undefined(missing)
    return Metric(float(curves.area_under_roc(counted.found, counted.alarms)))


def average_precision(scores: Scores, anomalous: Kinds) -> Metric:
    """Step sum, not the trapezoid; without normals every precision is 1, so it is undefined."""
    counted = steps(scores, anomalous)
    missing = _missing(counted)
    if missing:
        return Metric.undefined(missing)
    return Metric(float(curves.average_precision(counted.found, counted.alarms)))


def f1_max(scores: Scores, anomalous: Kinds) -> tuple[Metric, float]:
    """Greatest F1 and the highest threshold that reaches it, NaN where it is undefined.

    The threshold is chosen on the pictures it is judged on: a ceiling, not a promise.
    """
    counted = steps(scores, anomalous)
    missing = _missing(counted)
    if missing:
        return Metric.undefined(missing), math.nan
    values = curves.f1(counted.found, counted.alarms)
    best = int(np.argmax(values))
    return Metric(float(values[best])), float(counted.thresholds[best])


def _missing(counted: Steps) -> str:
    """What keeps the figures from being defined, empty where nothing does."""
    if not counted.found.size or not counted.found[-1]:
        return "no anomalous pictures"
    return "" if counted.alarms[-1] else "no normal pictures"
