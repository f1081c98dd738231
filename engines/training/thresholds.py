"""Thresholds from normal pictures alone, at a stated false-alarm rate.

Every normal is scored by a model that was fitted without it. Of n such scores the one of rank
ceil((n + 1)(1 - rate)) is a conformal quantile: if a new normal picture is exchangeable with
them, its score lies above it with a probability of at most the rate.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from engines.metrics.intervals import clopper_pearson
from engines.spec import ThresholdRule
from engines.training.folds import LeftOut
from inspector.core.errors import ConfigError

LEAST_RATE: Final = 0.01
"""The rate aimed at where nothing else is asked for and there are 99 normals or more."""

THRESHOLD_AT: Final = 0.5
"""Where on the colour scale the pixel threshold lies: a normal map stays in the lower half."""

FLOOR: Final = 1e-4
"""Least threshold: pictures that are all the same score 0 up to rounding, which is below 1e-6 and
differs from machine to machine."""

SUSPECT: Final = 8.0
"""Robust standard deviations above the median from which a normal picture is doubted."""

Values = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """See EngineSpec for the four."""

    image: float
    pixel: float
    display_range: tuple[float, float]
    rule: ThresholdRule


def choose(left_out: LeftOut, *, rate: float | None, note: str = "") -> Thresholds:
    """rate: None for LEAST_RATE, or the least that the normals support if that is larger.

    The pixel threshold is the same quantile of the peaks, so a normal picture shows a region no
    more often than the rate says. Raises ConfigError for a rate below 1 / (n + 1).
    """
    scores = left_out.scores
    rate = supported_rate(len(scores), rate)
    image = _just_above(conformal_quantile(scores, rate))
    pixel = _just_above(conformal_quantile(left_out.peaks, rate))
    low = float(np.median(left_out.levels))
    rule = ThresholdRule(
        rule="conformal quantile of k-fold scores",
        false_alarm_rate=rate,
        normals=len(scores),
        folds=left_out.folds,
        interval=clopper_pearson(int(np.count_nonzero(scores >= image)), len(scores)),
        note=note,
    )
    return Thresholds(image, pixel, (low, low + (pixel - low) / THRESHOLD_AT), rule)


def suspects(scores: Values) -> npt.NDArray[np.int64]:
    """Indices of normals so far above the others that they may not be normal, highest first.

    Far: more than SUSPECT times 1.4826 median absolute deviations above the median.
    """
    median = np.median(scores)
    spread = 1.4826 * np.median(np.abs(scores - median))
    order = np.argsort(-scores, kind="stable")
    return order[scores[order] > median + SUSPECT * spread]


def supported_rate(count: int, rate: float | None) -> float:
    """The rate asked for, or the default. Raises ConfigError where n normals cannot support it."""
    least = 1 / (count + 1)
    if rate is None:
        return max(LEAST_RATE, least)
    if not 0 < rate < 1:
        raise ConfigError(f"false_alarm_rate must lie between 0 and 1, not {rate}")
    if rate < least:
        raise ConfigError(
            f"false_alarm_rate {rate:g} cannot be supported by {count} normal pictures: the least "
            f"is 1/{count + 1} = {least:.4f}, or take at least {math.ceil(1 / rate) - 1} pictures"
        )
    return rate


def conformal_quantile(values: Values, rate: float) -> float:
    """The value of rank ceil((n + 1)(1 - rate)), counted from 1."""
    # (n + 1)(1 - rate) may miss a whole number by rounding, which would cost a whole rank.
    rank = math.ceil((len(values) + 1) * (1 - rate) - 1e-9)
    return float(np.sort(values)[rank - 1])


def _just_above(value: float) -> float:
    """The next float32: a picture fails from its threshold on, so this one still passes."""
    return float(np.nextafter(np.float32(max(value, FLOOR)), np.float32(np.inf)))
