"""How well one score per picture separates normal from anomalous."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engines.metrics import curves
from engines.metrics.curves import Floats, Steps
from engines.metrics.intervals import clopper_pearson
from engines.metrics.value import Metric
from inspector.core.errors import DataError

Scores = npt.NDArray[np.floating]
Kinds = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of a plot, one per threshold: x and y are (k,) float64, thresholds fall."""

    x: Floats
    y: Floats
    thresholds: Floats


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of verdicts; a picture FAILs from its threshold on. Positive: anomalous."""

    tp: int
    fp: int
    tn: int
    fn: int

    @property
    def recall(self) -> Metric:
        """Share of the anomalous pictures that FAIL."""
        return _rate(self.tp, self.tp + self.fn, "no anomalous pictures")

    @property
    def precision(self) -> Metric:
        """Share of anomalous pictures among those that FAIL, in the mixture of this test set."""
        return _rate(self.tp, self.tp + self.fp, "no picture fails")

    @property
    def false_alarm_rate(self) -> Metric:
        """Share of the normal pictures that FAIL."""
        return _rate(self.fp, self.fp + self.tn, "no normal pictures")


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


def roc_curve(scores: Scores, anomalous: Kinds) -> Curve:
    """x: share of normals that FAIL, y: of anomalous; begins at (0, 0) with the threshold inf.

    The rate of a missing kind is NaN throughout.
    """
    counted = steps(scores, anomalous)
    x, y = (_share(np.append(0.0, column)) for column in (counted.alarms, counted.found))
    return Curve(x, y, np.append(np.inf, counted.thresholds))


def precision_recall_curve(scores: Scores, anomalous: Kinds) -> Curve:
    """x: recall, y: precision; no point without a threshold is added. NaN recall as above."""
    counted = steps(scores, anomalous)
    precision = curves.precision(counted.found, counted.alarms)
    return Curve(_share(counted.found), precision, counted.thresholds)


def confusion(scores: Scores, anomalous: Kinds, threshold: float) -> Confusion:
    """Raises DataError for scores that are not finite."""
    counted = steps(scores, anomalous)
    failing = int(np.count_nonzero(counted.thresholds >= threshold))
    found, alarms = (
        int(column[failing - 1]) if failing else 0 for column in (counted.found, counted.alarms)
    )
    positives = int(np.count_nonzero(anomalous))
    return Confusion(found, alarms, anomalous.size - positives - alarms, positives - found)


def _share(cumulative: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        return cumulative / cumulative.max(initial=0.0)


def _missing(counted: Steps) -> str:
    """What keeps the figures from being defined, empty where nothing does."""
    if not counted.found.size or not counted.found[-1]:
        return "no anomalous pictures"
    return "" if counted.alarms[-1] else "no normal pictures"


def _rate(part: int, whole: int, missing: str) -> Metric:
    if not whole:
        return Metric.undefined(missing)
    return Metric(part / whole, interval=clopper_pearson(part, whole))
