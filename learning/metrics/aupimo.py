"""AUPIMO: the share of the defects of each picture that shows at very few false alarms.

Bertoldo et al., AUPIMO: Redefining Visual Anomaly Detection Benchmarks with High Speed and Low
Tolerance, BMVC 2024. The false positive rate shared by all pictures is the mean over the normal
pictures of the share of their pixels at or above a threshold.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Map, Mask
from learning.metrics.bootstrap import mean_with_interval
from learning.metrics.curves import Floats
from learning.metrics.keys import Keys, KeySums, to_keys
from learning.metrics.regions import check
from learning.metrics.value import Metric

LOWEST: Final = 1e-5
HIGHEST: Final = 1e-4
"""Shared false positive rates between which the curve is integrated, over their logarithm."""

LEAST_POINTS: Final = 300
"""Normal pixels between the two rates; with fewer, the value depends on very few pixels."""

MOST: Final = 1 << 18
"""Distinct highest normal scores that are stored; merging them takes 60 MB. 100 of 10^6 normal
pixels lie at or below the rate HIGHEST, so this is enough for 2.6 * 10^9 pixels, or 29,000 maps of
256 x 352."""


class NormalScores:
    """The highest scores of normal pictures; all of these come before the first anomalous one."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._floor = np.uint32(0)
        self._top = KeySums.empty(2)
        self._new: list[tuple[Keys, Floats]] = []
        self._waiting = 0
        self._pictures = 0

    def add(self, anomaly_map: Map, inside: Mask | None = None) -> None:
        """Pixels outside `inside` are not counted. Raises DataError as PixelCurve.add does."""
        check(anomaly_map, None, inside)
        keys = to_keys(anomaly_map if inside is None else anomaly_map[inside])
        if not keys.size:
            return
        self._pictures += 1
        high = keys[keys >= self._floor]
        self._new.append((high, np.full(len(high), 1 / keys.size)))
        self._waiting += len(high)
        if self._waiting >= self._most:
            self._settle()

    def rates(self) -> "SharedRates":
        """The shared rate of what was added so far."""
        self._settle()
        if not self._pictures:
            return SharedRates(self._top.keys, np.zeros(0), np.zeros(0), complete=True)
        counts, shares = (np.cumsum(row[::-1])[::-1] for row in self._top.sums)
        rates = shares / self._pictures
        complete = bool(self._floor == 0 or rates[0] >= HIGHEST)
        return SharedRates(self._top.keys, rates, counts, complete=complete)

    def _settle(self) -> None:
        if not self._new:
            return
        keys = np.concatenate([pair[0] for pair in self._new])
        weights = np.concatenate([pair[1] for pair in self._new])
        self._new.clear()
        self._waiting = 0
        top = self._top.merge_with(KeySums.count_weighted(keys, weights))
        if len(top.keys) > self._most:
            top = KeySums(top.keys[-self._most :].copy(), top.sums[:, -self._most :].copy())
            self._floor = top.keys[0]
        self._top = top


@dataclass(frozen=True, slots=True)
class SharedRates:
    """keys: (n,), rising, distinct scores of normal pixels. rates: (n,), shared false positive rate
    at each as a threshold. counts: (n,), normal pixels at or above it. complete: whether the keys
    reach down to the rate HIGHEST.
    """

    keys: Keys
    rates: Floats
    counts: Floats
    complete: bool

    def aupimo(self, anomaly_map: Map, truth: Mask, inside: Mask | None = None) -> Metric:
        """Of one anomalous picture: 1 if all its defect pixels show at the rate LOWEST already.

        With the score of a defect pixel as threshold, normal pixels have some false positive rate.
        The pixel shows at this rate and above. So the area under the step curve is the mean, over
        the defect pixels, of the part of the range above their rates. See `note` for few normal
        pixels.
        """
        check(anomaly_map, truth, inside)
        if not self.complete:
            return Metric.undefined("too many defect-free pixels for the scores that are stored")
        if not self.keys.size:
            return Metric.undefined("no good pictures")
        keys = to_keys(anomaly_map[truth if inside is None else truth & inside])
        if not keys.size:
            return Metric.undefined("no defect pixels")
        rates = np.append(self.rates, 0.0)[np.searchsorted(self.keys, keys)]
        shown = np.log(HIGHEST / np.clip(rates, LOWEST, HIGHEST)) / math.log(HIGHEST / LOWEST)
        return Metric(float(shown.mean()), self.note)

    @property
    def note(self) -> str:
        """A reason not to trust the values; empty if there is none."""
        # Sums of shares may miss a rate by rounding.
        up_to = self.counts[self.rates <= HIGHEST * (1 + 1e-9)].max(initial=0)
        points = int(up_to - self.counts[self.rates < LOWEST * (1 - 1e-9)].max(initial=0))
        if points >= LEAST_POINTS:
            return ""
        return f"it depends on only {points} defect-free pixels and is reliable from {LEAST_POINTS}"


def mean(values: Sequence[Metric], *, seed: int) -> Metric:
    """Mean over the anomalous pictures, with an interval from drawing them again. Undefined values
    are left out; the reason says how many."""
    defined: npt.NDArray[np.float64] = np.array([value.value for value in values if value.defined])
    reasons = sorted({value.reason for value in values if value.reason})
    if not defined.size:
        return Metric.undefined("; ".join(reasons) or "no defective pictures")
    if len(defined) < len(values):
        reasons.append(f"{len(values) - len(defined)} of {len(values)} pictures left out")
    interval = mean_with_interval(defined, seed=seed)
    return replace(interval, reason="; ".join([*reasons, *filter(None, [interval.reason])]))
