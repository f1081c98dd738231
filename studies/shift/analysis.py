"""Compares the cells of a study: what a shift costs, and what adapting to it gives back."""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.class_metrics import IMAGE_METRICS
from evaluation.results import Rate
from learning.metrics import bootstrap
from learning.metrics.intervals import clopper_pearson
from learning.metrics.value import Metric
from studies.shift.cells import (
    ADAPTED,
    CONFORMAL,
    CROSS,
    GLOBAL,
    PLAIN,
    RECALIBRATED,
    SHIFTED,
    Cell,
    StrategyResult,
)
from studies.shift.shifts import CLEAN

COMPARED: Final = ("image_auroc", "pixel_auroc", "aupro")

DEGRADATION, ADAPTATION, REST = "degradation", "adaptation", "rest"
OTHER_SHIFT, ONE_MODEL, METHODS = "other shift", "one model", "methods"
COMPARISONS: Final[dict[str, str]] = {
    DEGRADATION: "shifted minus clean: what the shift costs",
    ADAPTATION: "adapted minus shifted: what adapting gives back",
    REST: "adapted minus clean: what remains after adapting",
    OTHER_SHIFT: "fitted on another shift minus fitted on this shift",
    ONE_MODEL: "one model for all classes minus one per class",
    METHODS: "a method minus the first method",
}
"""Name -> the difference."""


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


@dataclass(frozen=True, slots=True)
class Recovery:
    """share: (adapted - shifted) / (clean - shifted); None if the shift did not certainly cost
    anything, because a share of nothing means nothing."""

    class_name: str
    method: str
    transform: str
    severity: str
    metric: str
    share: float | None


@dataclass(frozen=True, slots=True)
class PromiseCheck:
    """Whether the promised rate of false alarms was true. broken: the whole exact interval of the
    rate lies above the promise."""

    file: str
    cell: Cell
    promised: float
    false_alarms: Rate

    @property
    def broken(self) -> bool:
        return self.false_alarms.interval is not None and (
            self.false_alarms.interval[0] > self.promised
        )


@dataclass(frozen=True, slots=True)
class CommonMiss:
    """A defective picture that every method misses. methods: how many there are."""

    class_name: str
    phase: str
    transform: str
    severity: str
    picture: str
    kind: str
    size: str | None
    methods: int


class Analysis:
    """cells: of a study. strategy: whose verdicts the tables of misses show. seed, resamples: of
    the bootstrap."""

    def __init__(
        self, cells: Sequence[Cell], *, seed: int, resamples: int, strategy: str = CONFORMAL
    ) -> None:
        self.cells = tuple(cells)
        self.strategy = strategy
        self._seed, self._resamples = seed, resamples
        self.changes = tuple(self._changes())
        self.recoveries = tuple(self._recoveries())
        self.promises = tuple(self._promises())
        self.common_misses = tuple(self._common_misses())

    def find(
        self, phase: str, cell: Cell, *, method: str | None = None, clean: bool = False
    ) -> Cell | None:
        """The cell of another phase that fits `cell`. clean: without a shift."""
        key = cell.key
        place = (CLEAN, CLEAN) if clean else (key.transform, key.severity)
        for other in self.cells:
            if (
                other.key.phase == phase
                and other.key.class_name == key.class_name
                and other.key.method == (method or key.method)
                and (other.key.transform, other.key.severity) == place
            ):
                return other
        return None

    def verdicts(self, cell: Cell) -> StrategyResult:
        return cell.strategy(self.strategy)

    def _pairs(self) -> Iterator[tuple[str, Cell | None, Cell]]:
        """Comparison, first and second cell."""
        methods = list(dict.fromkeys(cell.key.method for cell in self.cells))
        for cell in self.cells:
            phase = cell.key.phase
            if phase == SHIFTED:
                yield DEGRADATION, self.find(PLAIN, cell, clean=True), cell
            elif phase == ADAPTED:
                yield ADAPTATION, self.find(SHIFTED, cell), cell
                yield REST, self.find(PLAIN, cell, clean=True), cell
            elif phase == CROSS:
                yield OTHER_SHIFT, self.find(ADAPTED, cell), cell
            elif phase == GLOBAL:
                per_class = PLAIN if cell.key.transform == CLEAN else SHIFTED
                yield ONE_MODEL, self.find(per_class, cell), cell
            if phase in (PLAIN, SHIFTED, ADAPTED) and cell.key.method != methods[0]:
                yield METHODS, self.find(phase, cell, method=methods[0]), cell

    def _changes(self) -> Iterator[Change]:
        for (comparison, first, second), metric in itertools.product(self._pairs(), COMPARED):
            if first is not None:
                yield _compare(comparison, first, second, metric, self._seed, self._resamples)

    def _recoveries(self) -> Iterator[Recovery]:
        lost = {_place(c): c for c in self.changes if c.comparison == DEGRADATION}
        for gained in self.changes:
            loss = lost.get(_place(gained))
            if gained.comparison != ADAPTATION or loss is None:
                continue
            share = None
            if loss.is_certain and loss.value is not None and gained.value is not None:
                share = gained.value / -loss.value if loss.value < 0 else None
            yield Recovery(*_place(gained), share)

    def _promises(self) -> Iterator[PromiseCheck]:
        for cell in self.cells:
            result = cell.strategy(CONFORMAL)
            if result.promised is not None and result.false_alarms is not None:
                yield PromiseCheck(cell.key.file, cell, result.promised, result.false_alarms)

    def _common_misses(self) -> Iterator[CommonMiss]:
        groups: dict[tuple[str, str, str, str, str], list[Cell]] = {}
        for cell in self.cells:
            key = cell.key
            place = (key.class_name, key.phase, key.transform, key.severity, key.fitted_on)
            groups.setdefault(place, []).append(cell)
        for (name, phase, transform, severity, _), cells in groups.items():
            if len(cells) < 2 or phase == CROSS:
                continue
            missed = [self._missed(cell) for cell in cells]
            for picture in cells[0].pictures:
                if all(picture.name in names for names in missed):
                    defect = (picture.name, picture.kind, picture.size)
                    yield CommonMiss(name, phase, transform, severity, *defect, len(cells))

    def _missed(self, cell: Cell) -> set[str]:
        threshold = self.verdicts(cell).threshold
        if threshold is None:
            return set()
        return {p.name for p in cell.pictures if p.defective and p.score <= threshold}


@dataclass(frozen=True, slots=True)
class GroupMisses:
    """Defective test pictures of a kind or a size, summed over the cells of a method and phase."""

    group: str
    name: str
    class_name: str
    method: str
    phase: str
    misses: Rate


def misses_by_group(analysis: Analysis, group: str) -> tuple[GroupMisses, ...]:
    """group: "kind", or "size" of the largest defect region of the picture. A picture counts once
    for each condition."""
    counts: dict[tuple[str, str, str, str], list[bool]] = {}
    for cell in analysis.cells:
        threshold = analysis.verdicts(cell).threshold
        if threshold is None or cell.key.phase not in (PLAIN, SHIFTED, RECALIBRATED, ADAPTED):
            continue
        for picture in cell.pictures:
            name = getattr(picture, group)
            if picture.defective and name is not None:
                place = (name, cell.key.class_name, cell.key.method, cell.key.phase)
                counts.setdefault(place, []).append(picture.score <= threshold)
    return tuple(
        GroupMisses(group, *place, rate(sum(missed), len(missed)))
        for place, missed in sorted(counts.items(), key=lambda item: item[0][1:3])
    )


def rate(count: int, total: int) -> Rate:
    return Rate(count, total, count / total, clopper_pearson(count, total))


def _place(change: Change) -> tuple[str, str, str, str, str]:
    return (change.class_name, change.method, change.transform, change.severity, change.metric)


def _compare(
    comparison: str, first: Cell, second: Cell, metric: str, seed: int, resamples: int
) -> Change:
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
