"""Pixel metrics of any number of pictures in bounded memory.

For each distinct score it stores the number of normal pixels, the number of defect pixels and the
sum of region weights. While there are at most LIMIT scores every figure is exact. If there are
more, the lowest bit of all scores is dropped until they fit, and each figure has a bound of its
error.
"""

import math
from collections.abc import Callable
from itertools import product
from typing import Final

import numpy as np

from inspector.core.arrays import Map, Mask
from learning.metrics import bounds, curves
from learning.metrics.curves import Curve, Floats, Steps
from learning.metrics.keys import Keys, KeySums, to_keys, to_scores
from learning.metrics.regions import Labels, Place, SizeGroup, check, label
from learning.metrics.value import Metric

LIMIT: Final = 1 << 21
"""Largest number of distinct scores. They take at most 60 MB, 120 MB after a figure was read, and
250 MB while a batch is merged or a figure is read, for maps of at most BATCH pixels."""

BATCH: Final = 1 << 21
"""Pixels collected before they are merged in."""

FPR_LIMIT: Final = 0.3
"""Where AUPRO ends, as in the reference evaluation of MVTec AD."""

Group = tuple[SizeGroup, Place]


class PixelCurve:
    """Counts of the pixels of one class or one kind of defect; merge() adds up kinds.

    limit: largest number of distinct scores; only tests change it.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._bits = 0
        self._normal = KeySums.empty(1)
        self._defect: dict[Group, KeySums] = {}
        self._regions: dict[Group, int] = dict.fromkeys(product(SizeGroup, Place), 0)
        self._new_normal: list[Keys] = []
        self._new_defect: dict[Group, list[tuple[Keys, Floats]]] = {}
        self._waiting = 0
        # Every figure starts from these, and sorting the keys takes most of its time.
        self._read: tuple[Keys, Steps] | None = None

    def add(self, anomaly_map: Map, truth: Mask, inside: Mask | None = None) -> None:
        """One picture; truth all False for a normal one. Pixels outside `inside` are not counted.

        Raises DataError for masks of another size and for values that are not finite.
        """
        check(anomaly_map, truth, inside)
        normal = ~truth if inside is None else ~truth & inside
        self._new_normal.append(to_keys(anomaly_map[normal]))
        if truth.any():
            self._add_defects(anomaly_map, label(truth, inside))
        self._waiting += anomaly_map.size
        if self._waiting >= BATCH:
            self._settle()

    def merge(self, other: "PixelCurve") -> None:
        """Adds all pixels of another curve. In that curve, only the waiting pixels are merged."""
        self._settle()
        other._settle()
        self._read = None
        bits = max(self._bits, other._bits)
        self._drop(bits - self._bits)
        spare = bits - other._bits
        self._normal = self._normal.merge_with(other._normal.without_bits(spare))
        for group, sums in other._defect.items():
            before = self._defect.get(group, KeySums.empty(2))
            self._defect[group] = before.merge_with(sums.without_bits(spare))
        for group, count in other._regions.items():
            self._regions[group] += count
        self._fit()

    @property
    def dropped_bits(self) -> int:
        """0 while every distinct score is kept."""
        self._settle()
        return self._bits

    def regions(self, size: SizeGroup | None = None, place: Place | None = None) -> int:
        """How many regions of that size and place were added; None for all."""
        return sum(self._regions[group] for group in _groups(size, place))

    def auroc(self) -> Metric:
        return self._metric(curves.area_under_roc, bounds.area_under_roc)

    def average_precision(self) -> Metric:
        """Sum of steps, see image.average_precision."""
        return self._metric(curves.average_precision, bounds.average_precision)

    def f1_max(self) -> tuple[Metric, float]:
        """Greatest F1 and the highest threshold that reaches it, see image.f1_max."""
        steps = self.steps()
        missing = _missing(steps)
        if missing:
            return Metric.undefined(missing), math.nan
        values = curves.f1(steps.detected, steps.alarms)
        best = int(np.argmax(values))
        error = self._bound(bounds.f1_max(steps.detected, steps.alarms))
        return Metric(float(values[best]), error=error), float(steps.thresholds[best])

    def aupro(self, size: SizeGroup | None = None, place: Place | None = None) -> Metric:
        """Mean share of a region at or above a threshold, over false positive rates up to 0.3.

        The rate is of all normal pixels, also if only some regions are chosen. Bergmann et al., The
        MVTec Anomaly Detection Dataset, IJCV 2021.
        """
        curve = self.pro_curve(size, place)
        if np.isnan(curve.x).any() or np.isnan(curve.y).any() or not curve.x.size:
            regions = self.regions(size, place)
            return Metric.undefined("no defect-free pixels" if regions else "no defect regions")
        error = self._bound(bounds.area_below(curve.x, curve.y, FPR_LIMIT))
        # Sums of weights such as 1/3 may end a rounding error above 1.
        return Metric(min(curves.area_below(curve.x, curve.y, FPR_LIMIT), 1.0), error=error)

    def pro_curve(self, size: SizeGroup | None = None, place: Place | None = None) -> Curve:
        """The line that aupro() is the area under, from the highest score on: x is the false
        positive rate, y the mean share of a region; all NaN if there are none."""
        keys, steps = self._keys_and_steps()
        groups = _groups(size, place)
        sums = [self._defect[group] for group in groups if group in self._defect]
        with np.errstate(invalid="ignore"):
            x = steps.alarms / steps.alarms[-1:].sum()
            y = _cumulate(keys, sums, 1) / np.float64(self.regions(size, place))
        return Curve(x, y, steps.thresholds)

    def steps(self) -> Steps:
        """Cumulative counts of defect and normal pixels at each distinct score, falling."""
        return self._keys_and_steps()[1]

    def _metric(
        self,
        figure: Callable[[Floats, Floats], Floats],
        error: Callable[[Floats, Floats], float],
    ) -> Metric:
        steps = self.steps()
        missing = _missing(steps)
        if missing:
            return Metric.undefined(missing)
        counts = steps.detected, steps.alarms
        return Metric(float(figure(*counts)), error=self._bound(error(*counts)))

    def _keys_and_steps(self) -> tuple[Keys, Steps]:
        self._settle()
        if self._read is None:
            keys = self._keys()
            detected = _cumulate(keys, list(self._defect.values()), 0)
            alarms = _cumulate(keys, [self._normal], 0)
            thresholds = to_scores(keys << np.uint32(self._bits)).astype(np.float64)
            self._read = keys, Steps(thresholds, detected, alarms)
        return self._read

    def _add_defects(self, anomaly_map: Map, labels: Labels) -> None:
        groups = [labels.group(index) for index in range(len(labels.sizes_px))]
        for group in set(groups):
            members = np.array([other == group for other in groups])
            self._regions[group] += int(members.sum())
            chosen = np.append(False, members)[labels.image]
            weights = 1 / labels.sizes_px[labels.image[chosen] - 1]
            new = self._new_defect.setdefault(group, [])
            new.append((to_keys(anomaly_map[chosen]), weights))

    def _settle(self) -> None:
        """Merges the pixels that are waiting."""
        if not self._waiting:
            return
        self._read = None
        keys = np.concatenate(self._new_normal) >> np.uint32(self._bits)
        self._new_normal.clear()
        self._normal = self._normal.merge_with(KeySums.count(keys))
        for group, waiting in self._new_defect.items():
            keys = np.concatenate([pair[0] for pair in waiting]) >> np.uint32(self._bits)
            new = KeySums.count_weighted(keys, np.concatenate([pair[1] for pair in waiting]))
            self._defect[group] = self._defect.get(group, KeySums.empty(2)).merge_with(new)
        self._new_defect.clear()
        self._waiting = 0
        self._fit()

    def _fit(self) -> None:
        while sum(len(sums.keys) for sums in self._tables()) > self._limit:
            self._drop(1)

    def _drop(self, bits: int) -> None:
        self._bits += bits
        self._normal = self._normal.without_bits(bits)
        self._defect = {group: sums.without_bits(bits) for group, sums in self._defect.items()}

    def _tables(self) -> list[KeySums]:
        return [self._normal, *self._defect.values()]

    def _keys(self) -> Keys:
        """All distinct keys, falling."""
        keys = np.concatenate([sums.keys for sums in self._tables()])
        # Rising runs, which a stable sort merges in linear time.
        keys.sort(kind="stable")
        return keys[np.append(np.diff(keys) > 0, True)[: len(keys)]][::-1]

    def _bound(self, error: float) -> float:
        """Groups are real ties, and the figure exact, as long as no bit is dropped."""
        return error if self._bits else 0.0


def _cumulate(keys: Keys, tables: list[KeySums], column: int) -> Floats:
    """Sums of one column at or above each of the falling keys, which hold those of the tables."""
    total = np.zeros(len(keys))
    for sums in tables:
        total[len(keys) - 1 - np.searchsorted(keys[::-1], sums.keys)] += sums.sums[column]
    return np.cumsum(total, out=total)


def _groups(size: SizeGroup | None, place: Place | None) -> list[Group]:
    sizes, places = [size] if size else list(SizeGroup), [place] if place else list(Place)
    return list(product(sizes, places))


def _missing(steps: Steps) -> str:
    if not steps.detected.size or not steps.detected[-1]:
        return "no defect pixels"
    return "" if steps.alarms[-1] else "no defect-free pixels"
