"""Repeatability and reproducibility of measurements, in the words of AIAG, MSA, 4th edition (2010).

The intervals are generalized confidence intervals: M. Hamada and S. Weerahandi, "Measurement system
assessment via generalized inference", Journal of Quality Technology 32 (2000).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.gauge.anova import AV, EV, INT, PV, Anova, analyze
from evaluation.gauge.design import Design, Values
from inspector.core.errors import DataError
from learning.metrics.intervals import CONFIDENCE

GRR, TV = "GRR", "TV"

ALPHA: Final = 0.25
"""AIAG gives no number but asks for a high one, so that an interaction is not overlooked. Its
example uses 0.05."""

NDC_FACTOR: Final = 1.41
STUDY_FACTOR: Final = 6
"""Standard deviations that are compared with a tolerance: the middle 99.73 % of a normal
distribution."""

_DRAWS: Final = 40_000
_SEED: Final = 20_100

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Component:
    """A component of the variation.

    deviation: standard deviation, in the unit of the measurement. negative: the estimate of the
    variance was below 0 and is set to 0. contribution: share of the variance of the total
    variation. of_total: share of its standard deviation. of_tolerance: 6 standard deviations
    divided by the tolerance. Shares are from 0 to 1, but of_tolerance can be larger; None if there
    is no total variation or no tolerance. *_interval: of the confidence of the study; None for the
    share of the total variation itself.
    """

    name: str
    deviation: float
    interval: Interval
    negative: bool
    contribution: float | None
    of_total: float | None
    of_total_interval: Interval | None
    of_tolerance: float | None
    of_tolerance_interval: Interval | None


@dataclass(frozen=True, slots=True)
class VariableStudy:
    """components: those of EV, AV, INT, GRR, PV, TV that the design can separate. categories: the
    number of distinct categories (ndc), cut to a whole number, at least 1; None without variation
    of the gauge or of the parts. categories_interval: before it is cut."""

    anova: Anova
    alpha: float
    confidence: float
    tolerance: float | None
    components: Mapping[str, Component]
    categories: int | None
    categories_interval: Interval | None

    @property
    def grr(self) -> Component:
        return self.components[GRR]


def study_variation(
    design: Design,
    tolerance: float | None = None,
    *,
    alpha: float = ALPHA,
    confidence: float = CONFIDENCE,
) -> VariableStudy:
    """tolerance: upper limit - lower limit, in the unit of the values. Raises DataError if all
    values are equal."""
    if np.ptp(design.values) == 0:
        raise DataError(
            f"all values are {design.values.flat[0]:g}: a study needs values that vary; measure "
            "with a finer resolution"
        )
    anova = analyze(design, alpha)
    raw = _estimate(anova)
    point = {name: np.array(max(value, 0.0)) for name, value in raw.items()}
    estimates = _Estimates(_with_sums(point), _with_sums(_draw(anova)), confidence)
    components = {
        name: _component(name, estimates, tolerance, negative=raw.get(name, 0.0) < 0)
        for name in estimates.point
    }
    ratio, interval = estimates.ratio(PV, GRR)
    categories = None if ratio is None else max(1, int(NDC_FACTOR * ratio))
    scaled = interval and (NDC_FACTOR * interval[0], NDC_FACTOR * interval[1])
    return VariableStudy(anova, alpha, confidence, tolerance, components, categories, scaled)


def _estimate(anova: Anova) -> dict[str, float]:
    """Variance of each component, which can be negative."""
    squares = {source.name: source.mean_square for source in anova.sources}
    variances = {}
    for name, factors in anova.components.items():
        terms = [factor * squares[source] for source, factor in factors.items()]
        total = sum(terms)
        # Differences of equal mean squares leave rounding errors.
        variances[name] = total if abs(total) > 1e-12 * sum(map(abs, terms)) else 0.0
    return variances


@dataclass(frozen=True, slots=True)
class _Estimates:
    """Variances of the components. draws: values of them that agree with the data."""

    point: Mapping[str, Values]
    draws: Mapping[str, Values]
    confidence: float

    def interval(self, values: Values) -> Interval:
        tail = (1 - self.confidence) / 2
        low, high = np.quantile(values, [tail, 1 - tail])
        return float(low), float(high)

    def ratio(self, name: str, base: str) -> tuple[float | None, Interval | None]:
        """Ratio of two standard deviations; None if the base is 0 or a component is unknown."""
        if not {name, base} <= self.point.keys() or self.point[base] == 0:
            return None, None
        usable = self.draws[base] > 0
        ratios = np.sqrt(self.draws[name][usable] / self.draws[base][usable])
        return math.sqrt(self.point[name] / self.point[base]), self.interval(ratios)


def _component(
    name: str, estimates: _Estimates, tolerance: float | None, *, negative: bool
) -> Component:
    deviation = math.sqrt(estimates.point[name])
    low, high = estimates.interval(np.sqrt(estimates.draws[name]))
    share, share_interval = estimates.ratio(name, TV)
    if name == TV:
        share_interval = None
    scale = None if tolerance is None else STUDY_FACTOR / tolerance
    return Component(
        name=name,
        deviation=deviation,
        interval=(low, high),
        negative=negative,
        contribution=None if share is None else share**2,
        of_total=share,
        of_total_interval=share_interval,
        of_tolerance=None if scale is None else scale * deviation,
        of_tolerance_interval=None if scale is None else (scale * low, scale * high),
    )


def _draw(anova: Anova) -> dict[str, Values]:
    """Values of each variance that agree with the data. The same study gives the same values."""
    random = np.random.default_rng(_SEED)
    squares = {
        source.name: source.squares / random.chisquare(source.degrees, _DRAWS)
        for source in anova.sources
    }
    return {
        name: np.maximum(sum(factor * squares[s] for s, factor in factors.items()), 0.0)
        for name, factors in anova.components.items()
    }


def _with_sums(variances: Mapping[str, Values]) -> dict[str, Values]:
    """Adds GRR, and TV if the parts are known, in the order of AIAG."""
    named = {name: variances[name] for name in (EV, AV, INT) if name in variances}
    named[GRR] = np.sum(list(named.values()), axis=0)
    if PV in variances:
        named[PV] = variances[PV]
        named[TV] = named[GRR] + named[PV]
    return named
