"""Analysis of variance of a gauge study.

Sources: AIAG, Measurement Systems Analysis, 4th edition (2010), Appendix A; D. C. Montgomery,
Design and Analysis of Experiments, chapter 13 (expected mean squares of random effects).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import f

from evaluation.gauge.design import Design, Values

APPRAISER, PART, INTERACTION, REPEATABILITY = (
    "appraiser",
    "part",
    "part x appraiser",
    "repeatability",
)

EV, AV, INT, PV = "EV", "AV", "INT", "PV"


@dataclass(frozen=True, slots=True)
class Source:
    """A row of the table. f_ratio, p: test against the mean square of `against`; None for the row
    of the repeatability, and if `against` has no variation."""

    name: str
    degrees: int
    squares: float
    against: str | None = None
    f_ratio: float | None = None
    p: float | None = None

    @property
    def mean_square(self) -> float:
        return self.squares / self.degrees


@dataclass(frozen=True, slots=True)
class Anova:
    """full: the table with the interaction. sources: the rows that the components are computed
    from. pooled: whether the interaction became a part of the repeatability. components: EV, AV,
    INT, PV -> factor of the mean square of each source; the sum is the variance."""

    full: tuple[Source, ...]
    sources: tuple[Source, ...]
    pooled: bool
    components: Mapping[str, Mapping[str, float]]


_ROUNDING: Final = 1e-24
"""Sums of squares below this share of the squares of the values are rounding errors, thus 0."""


def analyze(design: Design, alpha: float) -> Anova:
    """alpha: the interaction is kept if its p is at most alpha; otherwise it is pooled with the
    repeatability."""
    return _nested(design.values) if design.nested else _crossed(design.values, alpha)


def _crossed(values: Values, alpha: float) -> Anova:
    parts, appraisers, trials = values.shape
    of_parts, of_appraisers = values.mean(axis=(1, 2)), values.mean(axis=(0, 2))
    cells, mean = values.mean(axis=2), values.mean()
    effects = of_parts[:, None] + of_appraisers[None, :] - mean
    squares = {
        APPRAISER: parts * trials * np.sum((of_appraisers - mean) ** 2),
        PART: appraisers * trials * np.sum((of_parts - mean) ** 2),
        INTERACTION: trials * np.sum((cells - effects) ** 2),
        REPEATABILITY: np.sum((values - cells[:, :, None]) ** 2),
    }
    degrees = {
        APPRAISER: appraisers - 1,
        PART: parts - 1,
        INTERACTION: (appraisers - 1) * (parts - 1),
        REPEATABILITY: parts * appraisers * (trials - 1),
    }
    rows = _rows(values, squares, degrees)
    below = INTERACTION if INTERACTION in rows else REPEATABILITY
    full = _tested(rows, {APPRAISER: below, PART: below, INTERACTION: REPEATABILITY})
    pooled = below == INTERACTION and not _is_significant(full, alpha)
    if pooled:
        rows, below = _pool(rows), REPEATABILITY
    sources = _tested(rows, {APPRAISER: below, PART: below, INTERACTION: REPEATABILITY})
    components = {EV: {REPEATABILITY: 1.0}}
    if APPRAISER in rows:
        components[AV] = _difference(APPRAISER, below, parts * trials)
    if below == INTERACTION:
        components[INT] = _difference(INTERACTION, REPEATABILITY, trials)
    if PART in rows:
        components[PV] = _difference(PART, below, appraisers * trials)
    return Anova(full, sources, pooled, components)


def _nested(values: Values) -> Anova:
    parts, appraisers, trials = values.shape
    of_appraisers, cells, mean = values.mean(axis=(0, 2)), values.mean(axis=2), values.mean()
    squares = {
        APPRAISER: parts * trials * np.sum((of_appraisers - mean) ** 2),
        PART: trials * np.sum((cells - of_appraisers) ** 2),
        REPEATABILITY: np.sum((values - cells[:, :, None]) ** 2),
    }
    degrees = {
        APPRAISER: appraisers - 1,
        PART: appraisers * (parts - 1),
        REPEATABILITY: parts * appraisers * (trials - 1),
    }
    rows = _rows(values, squares, degrees)
    below = PART if PART in rows else REPEATABILITY
    sources = _tested(rows, {APPRAISER: below, PART: REPEATABILITY})
    components = {
        EV: {REPEATABILITY: 1.0},
        AV: _difference(APPRAISER, below, parts * trials),
    }
    if PART in rows:
        components[PV] = _difference(PART, REPEATABILITY, trials)
    return Anova(sources, sources, False, components)


def _rows(
    values: Values, squares: Mapping[str, float], degrees: Mapping[str, int]
) -> dict[str, Source]:
    """The sources that have degrees of freedom."""
    smallest = _ROUNDING * float(np.sum(values**2))
    return {
        name: Source(name, degrees[name], float(value) if value > smallest else 0.0)
        for name, value in squares.items()
        if degrees[name] > 0
    }


def _tested(rows: Mapping[str, Source], against: Mapping[str, str]) -> tuple[Source, ...]:
    return tuple(_test(row, rows.get(against.get(row.name, ""))) for row in rows.values())


def _test(row: Source, error: Source | None) -> Source:
    if error is None or error.squares == 0:
        return row
    ratio = row.mean_square / error.mean_square
    p = float(f.sf(ratio, row.degrees, error.degrees))
    return Source(row.name, row.degrees, row.squares, error.name, ratio, p)


def _is_significant(full: tuple[Source, ...], alpha: float) -> bool:
    interaction = next(row for row in full if row.name == INTERACTION)
    if interaction.p is None:  # the repeatability has no variation
        return interaction.squares > 0
    return interaction.p <= alpha


def _pool(rows: Mapping[str, Source]) -> dict[str, Source]:
    """Adds the interaction to the repeatability."""
    errors = (rows[INTERACTION], rows[REPEATABILITY])
    degrees, squares = (sum(e.degrees for e in errors), sum(e.squares for e in errors))
    effects = {name: rows[name] for name in (APPRAISER, PART)}
    return effects | {REPEATABILITY: Source(REPEATABILITY, degrees, squares)}


def _difference(source: str, below: str, count: int) -> dict[str, float]:
    return {source: 1 / count, below: -1 / count}
