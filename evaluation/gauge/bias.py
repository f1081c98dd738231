"""Bias and linearity of measurements against reference values.

Source: AIAG, Measurement Systems Analysis, 4th edition (2010), chapter III, sections on bias
(independent sample method) and linearity.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from evaluation.gauge.design import Design, Values
from learning.metrics.intervals import CONFIDENCE

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class PartBias:
    """bias: mean measurement - reference, in the unit of the measurement. interval, p: of the t
    test that the bias is 0; p is None if all measurements are equal. cg, cgk: capability of a
    type-1 study, 0.2 T / (6 s) and (0.1 T - |bias|) / (3 s); None without a tolerance T, with
    several appraisers, and if all measurements are equal."""

    part: str
    reference: float
    measurements: int
    bias: float
    deviation: float
    interval: Interval
    p: float | None
    cg: float | None = None
    cgk: float | None = None


@dataclass(frozen=True, slots=True)
class Linearity:
    """Straight line through the biases of all measurements: bias = intercept + slope * reference.

    residual: standard deviation around the line. mean_reference, spread: centre of the references
    and the sum of their squared distances from it, for the confidence band. zero_inside: the line
    of bias 0 lies within the band at every reference.
    """

    slope: float
    intercept: float
    slope_interval: Interval
    intercept_interval: Interval
    slope_p: float | None
    intercept_p: float | None
    r_squared: float | None
    residual: float
    measurements: int
    mean_reference: float
    spread: float
    zero_inside: bool
    confidence: float

    def band(self, reference: float) -> tuple[float, float, float]:
        """The line and the ends of its confidence band at a reference."""
        value = self.intercept + self.slope * reference
        distance = (reference - self.mean_reference) ** 2 / self.spread
        width = _factor(self.confidence, self.measurements - 2) * self.residual
        half = width * math.sqrt(1 / self.measurements + distance)
        return value, value - half, value + half


@dataclass(frozen=True, slots=True)
class BiasStudy:
    """linearity: None with fewer than three references, because two define any line."""

    parts: tuple[PartBias, ...]
    linearity: Linearity | None
    confidence: float


def study_bias(
    design: Design, tolerance: float | None = None, *, confidence: float = CONFIDENCE
) -> BiasStudy | None:
    """tolerance: upper limit - lower limit. None if no part has a reference value."""
    parts = [part for part in design.parts if part in design.references]
    if not parts:
        return None
    references = [design.references[part] for part in parts]
    biases = [design.of_part(p) - r for p, r in zip(parts, references, strict=True)]
    tolerance = tolerance if len(design.appraisers) == 1 else None
    rows = tuple(
        _part_bias(part, reference, values, tolerance, confidence)
        for part, reference, values in zip(parts, references, biases, strict=True)
    )
    linearity = _fit(references, biases, confidence) if len(set(references)) > 2 else None
    return BiasStudy(rows, linearity, confidence)


def _part_bias(
    part: str, reference: float, biases: Values, tolerance: float | None, confidence: float
) -> PartBias:
    count, bias = len(biases), float(biases.mean())
    deviation = float(biases.std(ddof=1)) if np.ptp(biases) > 0 else 0.0
    error = deviation / math.sqrt(count)
    half = _factor(confidence, count - 1) * error
    cg = cgk = None
    if tolerance is not None and deviation > 0:
        cg = 0.2 * tolerance / (6 * deviation)
        cgk = (0.1 * tolerance - abs(bias)) / (3 * deviation)
    return PartBias(
        part=part,
        reference=reference,
        measurements=count,
        bias=bias,
        deviation=deviation,
        interval=(bias - half, bias + half),
        p=_p(bias, error, count - 1),
        cg=cg,
        cgk=cgk,
    )


def _fit(references: Sequence[float], biases: Sequence[Values], confidence: float) -> Linearity:
    x = np.repeat(references, [len(values) for values in biases])
    y = np.concatenate(biases)
    count, mean = len(x), float(x.mean())
    spread = float(np.sum((x - mean) ** 2))
    slope = float(np.sum((x - mean) * (y - y.mean())) / spread)
    intercept = float(y.mean()) - slope * mean
    squares = float(np.sum((y - intercept - slope * x) ** 2))
    total = float(np.sum((y - y.mean()) ** 2))
    residual = math.sqrt(squares / (count - 2))
    errors = (residual / math.sqrt(spread), residual * math.sqrt(1 / count + mean**2 / spread))
    factor = _factor(confidence, count - 2)
    line = Linearity(
        slope=slope,
        intercept=intercept,
        slope_interval=(slope - factor * errors[0], slope + factor * errors[0]),
        intercept_interval=(intercept - factor * errors[1], intercept + factor * errors[1]),
        slope_p=_p(slope, errors[0], count - 2),
        intercept_p=_p(intercept, errors[1], count - 2),
        r_squared=None if total == 0 else 1 - squares / total,
        residual=residual,
        measurements=count,
        mean_reference=mean,
        spread=spread,
        zero_inside=False,
        confidence=confidence,
    )
    bands = [line.band(reference) for reference in references]
    return dataclasses.replace(line, zero_inside=all(low <= 0 <= high for _, low, high in bands))


def _factor(confidence: float, degrees: int) -> float:
    return float(student.ppf((1 + confidence) / 2, degrees))


def _p(value: float, error: float, degrees: int) -> float | None:
    return None if error == 0 else float(2 * student.sf(abs(value) / error, degrees))
