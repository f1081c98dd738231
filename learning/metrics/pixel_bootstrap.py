"""Intervals of pixel metrics by drawing whole pictures again, in bounded memory.

Each picture occurs in each replicate a Poisson number of times with mean 1 (Hanley and MacGibbon
2006; Chamandy et al. 2012), so pictures can be counted one after the other without storing them.
Scores are grouped to LIMIT keys. The replicates give the width of the interval; the exact figure
gives its position.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from inspector.core.arrays import Map, Mask
from inspector.core.errors import DataError
from learning.metrics import bootstrap, curves
from learning.metrics.bootstrap import attach
from learning.metrics.curves import Floats
from learning.metrics.keys import Keys, KeySums, to_keys
from learning.metrics.pixels import FPR_LIMIT
from learning.metrics.regions import check, label
from learning.metrics.value import Metric

REPLICATES: Final = 200

LIMIT: Final = 1 << 12
"""Groups of scores; three sums for each replicate and group take 20 MB."""

FIRST_BITS: Final = 10
"""Dropped from the start: scores that differ by one part in 8000 stay distinct."""

BATCH: Final = 32
"""Pictures added up at once."""

FIGURES: Final = (*bootstrap.FIGURES, "aupro")


class PixelBootstrap:
    """Replicates of the pixel figures of one class, or one kind of defect, under one engine.

    With equal seeds, a picture of the same number gets the same draws: number the pictures in the
    same way for all engines.
    """

    def __init__(self, *, seed: int = 0, replicates: int = REPLICATES) -> None:
        self._seed = seed
        self._bits = FIRST_BITS
        self._keys: Keys = np.zeros(0, np.uint32)
        # Normal pixels, defect pixels, region weights. Row 0 counts every picture once.
        self._sums = np.zeros((3, replicates + 1, 0))
        self._regions = np.zeros(replicates + 1)
        self._pictures: set[int] = set()
        self._new: list[tuple[Floats, KeySums]] = []

    def add(self, number: int, anomaly_map: Map, truth: Mask, inside: Mask | None = None) -> None:
        """One picture, as in PixelCurve.add. Raises DataError if the number came before."""
        check(anomaly_map, truth, inside)
        if number in self._pictures:
            raise DataError(f"picture number {number} was added twice")
        self._pictures.add(number)
        rng = np.random.default_rng((self._seed, number))
        draws = np.append(1.0, rng.poisson(1.0, len(self._regions) - 1))
        keys = to_keys(anomaly_map[~truth if inside is None else ~truth & inside])
        normal = KeySums.count(keys >> np.uint32(self._bits))
        sums = KeySums(normal.keys, np.pad(normal.sums, ((0, 2), (0, 0))))
        if truth.any():
            labels = label(truth, inside)
            self._regions += draws * len(labels.sizes_px)
            chosen = labels.image > 0
            keys = to_keys(anomaly_map[chosen]) >> np.uint32(self._bits)
            defect = KeySums.count_weighted(keys, 1 / labels.sizes_px[labels.image[chosen] - 1])
            sums = sums.merge_with(KeySums(defect.keys, np.pad(defect.sums, ((1, 0), (0, 0)))))
        self._new.append((draws, sums))
        if len(self._new) >= BATCH:
            self._settle()

    def with_interval(self, figure: str, exact: Metric) -> Metric:
        """The exact figure of the same pictures, as PixelCurve has it, with its interval."""
        if not exact.defined:
            return exact
        if len(self._pictures) < 2:
            return replace(exact, reason="one picture is too few for an interval")
        return attach(exact, np.clip(self.centre(figure, exact.value), 0.0, 1.0))

    def replicates(self, figure: str) -> Floats:
        """(replicates + 1,) float64; the first is the figure itself from grouped scores. NaN where
        a replicate lacks normal pixels or regions. figure: of FIGURES.
        """
        if figure not in FIGURES:
            raise ValueError(f"figure must be one of {', '.join(FIGURES)}, not {figure!r}")
        self._settle()
        if not self._keys.size:
            return np.full(len(self._regions), np.nan)
        rows = range(len(self._regions))
        return np.array([self._figure(figure, row) for row in rows])

    def centre(self, figure: str, exact: float) -> Floats:
        """(replicates,) float64, moved by the difference that grouping the scores makes."""
        drawn = self.replicates(figure)
        return drawn[1:] + (exact - drawn[0])

    def _figure(self, figure: str, row: int) -> float:
        alarms, detected, weights = np.cumsum(self._sums[:, row, ::-1], axis=-1)
        if not alarms[-1] or not detected[-1]:
            return float("nan")
        if figure == "aupro":
            rates, heights = alarms / alarms[-1], weights / self._regions[row]
            return curves.area_below(rates, heights, FPR_LIMIT)
        return float(bootstrap.FIGURES[figure].statistic(detected, alarms))

    def _settle(self) -> None:
        """Adds the pictures that are waiting."""
        if not self._new:
            return
        tables = [sums for _, sums in self._new]
        keys = np.unique(np.concatenate([self._keys, *(sums.keys for sums in tables)]))
        bits = 0
        # This comes before the sums of replicates, which would be too large for all of the keys.
        while len(keys) > LIMIT:
            keys, bits = np.unique(keys >> np.uint32(1)), bits + 1
        columns = np.zeros((3, len(tables), len(keys)))
        for index, sums in enumerate(tables):
            coarse = sums.without_bits(bits)
            columns[:, index, np.searchsorted(keys, coarse.keys)] = coarse.sums
        total = np.matmul(np.stack([draw for draw, _ in self._new], axis=1), columns)
        positions = np.searchsorted(keys, self._keys >> np.uint32(bits))
        if positions.size:
            starts = curves.run_starts(positions)
            total[:, :, positions[starts]] += np.add.reduceat(self._sums, starts, axis=-1)
        self._keys, self._sums, self._bits = keys, total, self._bits + bits
        self._new.clear()
