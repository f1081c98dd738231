"""AUPIMO: how much of the defects of each single picture shows at very few false alarms.

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
"""Normal pixels between the two rates; with fewer the value hangs on a few of them."""

KEPT: Final = 1 << 18
"""Distinct highest normal scores kept, 60 MB while they are merged: 100 of 10^6 normal pixels lie
at or below the rate HIGHEST, so these do for 2.6 * 10^9, or 29,000 maps of 256 x 352."""


class NormalScores:
    """The highest scores of normal pictures; all of these come before the first anomalous one."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._floor = np.uint32(0)
        self._top = KeySums.empty(2)
        self._new: list[tuple[Keys, Floats]] = []
        self._waiting = 0
        self._pictures = 0

    def add(self, anomaly_map: Map, inside: Mask | None = None) -> None:
        """Pixels outside `inside` count nowhere. Raises DataError as PixelCurve.add does."""
        check(anomaly_map, None, inside)
        keys = to_keys(anomaly_map if inside is None else anomaly_map[inside])
        if not keys.size:
            return
        self._pictures += 1
        high = keys[keys >= self._floor]
        self._new.append((high, np.full(len(high), 1 / keys.size)))
        self._waiting += len(high)
        if self._waiting >= self._kept:
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
        top = self._top.merged(KeySums.weighted(keys, weights))
        if len(top.keys) > self._kept:
            top = KeySums(top.keys[-self._kept :].copy(), top.sums[:, -self._kept :].copy())
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

        A defect pixel shows from the rate on that its own score brings as a threshold, so the area
        under the step curve is the mean over them of the part of the range above that rate. Note
        of few normal pixels: see `note`.
        """
        check(anomaly_map, truth, inside)
        if not self.complete:
            return Metric.undefined("too many normal pixels for the scores kept of them")
        if not self.keys.size:
            return Metric.undefined("no normal pictures")
        found = to_keys(anomaly_map[truth if inside is None else truth & inside])
        if not found.size:
            return Metric.undefined("no defect pixels")
        rates = np.append(self.rates, 0.0)[np.searchsorted(self.keys, found)]
        shown = np.log(HIGHEST / np.clip(rates, LOWEST, HIGHEST)) / math.log(HIGHEST / LOWEST)
        return Metric(float(shown.mean()), self.note)

    @property
    def note(self) -> str:
        """What stands against trusting the values, empty where nothing does."""
        # Sums of shares may miss a rate by rounding.
        up_to = self.counts[self.rates <= HIGHEST * (1 + 1e-9)].max(initial=0)
        points = int(up_to - self.counts[self.rates < LOWEST * (1 - 1e-9)].max(initial=0))
        if points >= LEAST_POINTS:
            return ""
        return (
            f"only {points} normal pixels lie in the range of rates, {LEAST_POINTS} are asked for"
        )


def mean(values: Sequence[Metric], *, seed: int) -> Metric:
    """Over the anomalous pictures, with the interval by drawing them again; undefined ones are left
    out and counted in the reason."""
    kept: npt.NDArray[np.float64] = np.array([one.value for one in values if one.defined])
    reasons = sorted({one.reason for one in values if one.reason})
    if not kept.size:
        return Metric.undefined("; ".join(reasons) or "no anomalous pictures")
    if len(kept) < len(values):
        reasons.append(f"{len(values) - len(kept)} of {len(values)} pictures left out")
    found = mean_with_interval(kept, seed=seed)
    return replace(found, reason="; ".join([*reasons, *filter(None, [found.reason])]))
