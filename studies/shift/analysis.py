"""Compares the cells of a study: what a shift costs, and what adapting to it gives back."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from evaluation.results import Rate
from learning.metrics.intervals import clopper_pearson
from studies.shift.cells import (
    ADAPTED,
    CONFORMAL,
    CROSS,
    GLOBAL,
    PLAIN,
    SHIFTED,
    Cell,
    StrategyResult,
)
from studies.shift.changes import Change, compare_cells
from studies.shift.method_names import base_name, without_variants
from studies.shift.shifts import CLEAN

COMPARED: Final = ("image_auroc", "pixel_auroc", "aupro")

DEGRADATION, ADAPTATION, REST = "degradation", "adaptation", "rest"
OTHER_SHIFT, ONE_MODEL, METHODS, OPTIONS = "other shift", "one model", "methods", "options"
COMPARISONS: Final[dict[str, str]] = {
    DEGRADATION: "shifted minus clean: what the shift costs",
    ADAPTATION: "adapted minus shifted: what adapting gives back",
    REST: "adapted minus clean: what remains after adapting",
    OTHER_SHIFT: "fitted on another shift minus fitted on this shift",
    ONE_MODEL: "one model for all classes minus one per class",
    METHODS: "a method minus the first method",
    OPTIONS: "a method with options minus the same method with its default options",
}
"""Name -> the difference."""


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
    """cells: of a study. methods: of the cells, without variants of another one. strategy: whose
    verdicts the tables of misses show. seed, resamples: of the bootstrap."""

    def __init__(
        self, cells: Sequence[Cell], *, seed: int, resamples: int, strategy: str = CONFORMAL
    ) -> None:
        self.cells = tuple(cells)
        self.methods = without_variants(cell.key.method for cell in cells)
        self.strategy = strategy
        self.seed, self.resamples = seed, resamples
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

    def compare(self, comparison: str, first: Cell, second: Cell, metric: str) -> Change:
        return compare_cells(comparison, first, second, metric, self.seed, self.resamples)

    def pairs(self) -> Iterator[tuple[str, Cell | None, Cell]]:
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
            base = base_name(cell.key.method)
            if phase not in (PLAIN, SHIFTED, ADAPTED) or cell.key.method == methods[0]:
                continue
            if base != cell.key.method and base in methods:
                yield OPTIONS, self.find(phase, cell, method=base), cell
            else:
                yield METHODS, self.find(phase, cell, method=methods[0]), cell

    def _changes(self) -> Iterator[Change]:
        for (comparison, first, second), metric in itertools.product(self.pairs(), COMPARED):
            if first is not None:
                yield self.compare(comparison, first, second, metric)

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
            if cell.key.phase == GLOBAL:
                continue  # its promise is for the pictures of all classes together
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


def rate(count: int, total: int) -> Rate:
    return Rate(count, total, count / total, clopper_pearson(count, total))


def _place(change: Change) -> tuple[str, str, str, str, str]:
    return (change.class_name, change.method, change.transform, change.severity, change.metric)
