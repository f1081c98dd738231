"""Differences of a metric between two cells with the same test pictures."""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from evaluation.class_metrics import IMAGE_METRICS
from learning.metrics import bootstrap
from learning.metrics.value import Metric
from studies.shift.cells import Cell


@dataclass(frozen=True, slots=True)
class Change:
    """A metric of the cell `second` minus that of the cell `first`, on the same test pictures.

    first, second: files of the cells. values: of both. interval: of the difference, 95 %, by
    drawing the pictures again. p: two-sided, of this comparison alone. All are None if they are
    undefined; then reason says why.
    """

    comparison: str
    class_name: str
    method: str
    transform: str
    severity: str
    metric: str
    first: str
    second: str
    values: tuple[float | None, float | None]
    value: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    reason: str | None = None

    @property
    def is_certain(self) -> bool:
        """Whether the interval excludes 0."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


def compare_cells(
    comparison: str, first: Cell, second: Cell, metric: str, seed: int, resamples: int
) -> Change:
    """second minus first, by drawing the pictures `resamples` times. comparison: its name."""
    figures = [getattr(cell.figures, metric) for cell in (first, second)]
    key = second.key
    change = Change(
        comparison=comparison,
        class_name=key.class_name,
        method=key.method,
        transform=key.transform,
        severity=key.severity,
        metric=metric,
        first=first.key.file,
        second=key.file,
        values=(figures[0].value, figures[1].value),
    )
    reason = next((figure.reason for figure in figures if figure.value is None), None)
    if reason is None and _counted(first, metric) != _counted(second, metric):
        reason = "not the same pictures could be scored"
    if reason is not None:
        return dataclasses.replace(change, reason=reason)
    difference = _image_difference if metric in IMAGE_METRICS else _pixel_difference
    pair = difference(first, second, metric, seed, resamples)
    interval = pair.interval and (0 - pair.interval[1], 0 - pair.interval[0])
    p = pair.p if math.isfinite(pair.p) else None
    # 0 - x, because -x turns 0 into a negative zero.
    return dataclasses.replace(change, value=0 - pair.value, interval=interval, p=p)


def _image_difference(
    first: Cell, second: Cell, metric: str, seed: int, resamples: int
) -> bootstrap.Difference:
    by_name = {p.name: p.score for p in first.pictures}
    scores = [
        np.array([by_name[p.name] for p in second.pictures], np.float64),
        np.array([p.score for p in second.pictures], np.float64),
    ]
    defective = np.array([p.defective for p in second.pictures], np.bool_)
    statistic = IMAGE_METRICS[metric]
    if resamples:
        (pair,) = bootstrap.compare(scores, defective, statistic, seed=seed, replicates=resamples)
        return pair
    exact = [bootstrap.FIGURES[statistic].exact(values, defective) for values in scores]
    return bootstrap.differences(exact, np.full((2, 1), np.nan))[0]


def _pixel_difference(
    first: Cell, second: Cell, metric: str, seed: int, resamples: int
) -> bootstrap.Difference:
    """The cells have drawn the same pictures with the same seed."""
    drawn = [{item.name: item.values for item in c.resampled}.get(metric) for c in (first, second)]
    exact = [Metric(getattr(cell.figures, metric).value) for cell in (first, second)]
    if drawn[0] is None or drawn[1] is None:
        return bootstrap.differences(exact, np.full((2, 1), np.nan))[0]
    return bootstrap.differences(exact, np.array(drawn, np.float64))[0]


def _counted(cell: Cell, metric: str) -> object:
    names = frozenset(picture.name for picture in cell.pictures)
    return names if metric in IMAGE_METRICS else (names, cell.masked)
