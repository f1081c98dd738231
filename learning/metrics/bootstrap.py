"""Intervals of image metrics and of their differences, by drawing the pictures again.

Pictures are drawn, never pixels, because neighbouring pixels are not independent. Normal and
anomalous pictures are drawn separately, as many of each as there are. Engines that are compared
get the same draws, so that pictures that are hard for all of them cancel out.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from learning.metrics import curves
from learning.metrics.curves import Floats
from learning.metrics.image import Kinds, Scores, auroc, average_precision, f1_max
from learning.metrics.intervals import percentile_interval, two_sided_p
from learning.metrics.value import Metric

REPLICATES: Final = 1000

CHUNK: Final = 100
"""Replicates computed at once: 10,000 pictures take 8 MB a column."""

Statistic = Callable[[Floats, Floats], Floats]
Measure = Callable[[Scores, Kinds], Metric]


@dataclass(frozen=True, slots=True)
class Figure:
    """The exact figure of a sample, and the same from cumulative counts along the last axis."""

    exact: Measure
    statistic: Statistic


FIGURES: Final[dict[str, Figure]] = {
    "auroc": Figure(auroc, curves.area_under_roc),
    "average_precision": Figure(average_precision, curves.average_precision),
    "f1_max": Figure(
        lambda scores, anomalous: f1_max(scores, anomalous)[0],
        lambda detected, alarms: curves.f1(detected, alarms).max(axis=-1),
    ),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """value: figure of the first minus that of the second, by their positions in the comparison.

    interval: of 95 % confidence. p: two-sided probability of such a large difference if the engines
    were equal. It holds for this pair only: among many pairs some are below 0.05 by chance. NaN and
    None if one of the figures is undefined.
    """

    first: int
    second: int
    value: float
    interval: tuple[float, float] | None
    p: float


def with_interval(
    scores: Scores, anomalous: Kinds, figure: str, *, seed: int = 0, replicates: int = REPLICATES
) -> Metric:
    """A figure of FIGURES with its interval; scores and anomalous are (n,)."""
    exact = FIGURES[figure].exact(scores, anomalous)
    if not exact.defined:
        return exact
    if min(np.count_nonzero(anomalous), np.count_nonzero(~anomalous)) < 2:
        return replace(exact, reason="one picture of a kind is too few for an interval")
    (drawn,) = _replicates([scores], anomalous, FIGURES[figure].statistic, seed, replicates)
    return attach(exact, drawn)


def mean_with_interval(values: Floats, *, seed: int) -> Metric:
    """Mean of one value per picture, (n,) with n >= 1."""
    exact = Metric(float(values.mean()))
    if len(values) < 2:
        return replace(exact, reason="one picture is too few for an interval")
    draws = _draws(np.ones(len(values), bool), seed, REPLICATES)
    return attach(exact, np.concatenate([weights @ values for weights in draws]) / len(values))


def compare(
    scores: Sequence[Scores],
    anomalous: Kinds,
    figure: str,
    *,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> list[Difference]:
    """All pairs of engines; scores has one (n,) array per engine, of the same n pictures."""
    exact = [FIGURES[figure].exact(values, anomalous) for values in scores]
    if not all(values.defined for values in exact):
        return differences(exact, np.full((len(exact), 1), np.nan))
    statistic = FIGURES[figure].statistic
    return differences(exact, _replicates(scores, anomalous, statistic, seed, replicates))


def attach(exact: Metric, drawn: Floats) -> Metric:
    """The figure with the interval of its replicates, or with the reason why there is none."""
    interval = percentile_interval(drawn)
    reason = ""
    if interval is None:
        reason = "most resamples lack good or defective pictures, so there is no interval"
    elif np.ptp(drawn[np.isfinite(drawn)]) == 0:
        reason = "every resample gives the same value, so the interval says nothing"
    return replace(exact, interval=interval, reason="; ".join(filter(None, [exact.reason, reason])))


def differences(exact: Sequence[Metric], drawn: Floats) -> list[Difference]:
    """exact: one figure per engine; drawn: (engines, replicates), its paired replicates."""
    intervals = []
    for first, second in combinations(range(len(exact)), 2):
        value = exact[first].value - exact[second].value
        gaps = drawn[first] - drawn[second]
        interval = percentile_interval(gaps)
        p = float("nan") if interval is None else two_sided_p(gaps)
        intervals.append(Difference(first, second, value, interval, p))
    return intervals


def _replicates(
    scores: Sequence[Scores], anomalous: Kinds, statistic: Statistic, seed: int, count: int
) -> Floats:
    """(engines, count) float64."""
    orders = [np.argsort(-values, kind="stable") for values in scores]
    ends = [curves.run_ends(values[order]) for values, order in zip(scores, orders, strict=True)]
    parts = []
    for weights in _draws(anomalous, seed, count):
        rows = []
        for order, last in zip(orders, ends, strict=True):
            ordered = weights[:, order]
            detected = np.cumsum(ordered * anomalous[order], axis=1)[:, last]
            rows.append(statistic(detected, np.cumsum(ordered, axis=1)[:, last] - detected))
        parts.append(np.stack(rows))
    return np.concatenate(parts, axis=1)


def _draws(anomalous: Kinds, seed: int, count: int) -> Iterator[Floats]:
    """How often each picture is drawn: (up to CHUNK, n) float64."""
    rng = np.random.default_rng(seed)
    kinds = [np.flatnonzero(anomalous), np.flatnonzero(~anomalous)]
    for start in range(0, count, CHUNK):
        rows = min(CHUNK, count - start)
        weights = np.zeros((rows, anomalous.size))
        for members in filter(len, kinds):
            weights[:, members] = _times(rng, rows, len(members))
        yield weights


def _times(rng: np.random.Generator, rows: int, size: int) -> npt.NDArray[np.int64]:
    """Row by row, how often each of `size` members comes up in `size` draws."""
    drawn = rng.integers(size, size=(rows, size)) + size * np.arange(rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)
