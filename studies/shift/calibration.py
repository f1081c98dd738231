"""Compares promised rates of false alarms with those on the test pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.results import Rate
from studies.shift.analysis import rate
from studies.shift.cells import GLOBAL, Cell

PROMISES: Final = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
"""Promised rates of false alarms."""


@dataclass(frozen=True, slots=True)
class CalibrationPoint:
    """false_alarms: good test pictures of a cell that a threshold with this promise fails."""

    cell: Cell
    promised: float
    false_alarms: Rate


def calibration_points(cell: Cell) -> Iterator[CalibrationPoint]:
    """One point per promise; none without good validation and test pictures, and none for a model
    of all classes, whose promise is for the pictures of all classes together.

    A picture fails if its conformal p-value is at most the promise. The p-value is (1 + number of
    good validation pictures that score at least as high) / (1 + number of good validation
    pictures). If test and validation pictures are exchangeable, the expected rate is at most the
    promise (V. Vovk, A. Gammerman and G. Shafer, "Algorithmic Learning in a Random World", 2005,
    section 2.2). With n validation pictures, no picture fails below a promise of 1 / (n + 1).
    """
    normals = np.array([p.score for p in cell.validation if not p.defective], np.float64)
    scores = np.array([p.score for p in cell.pictures if not p.defective], np.float64)
    if cell.key.phase == GLOBAL or not len(normals) or not len(scores):
        return
    above = (normals >= scores[:, None]).sum(axis=1)
    for promised in PROMISES:
        # (1 + above) / (n + 1) may lie above the promise by rounding only.
        fails = 1 + above <= promised * (len(normals) + 1) + 1e-9
        yield CalibrationPoint(cell, promised, rate(int(fails.sum()), len(scores)))


def pool(points: Sequence[CalibrationPoint]) -> list[tuple[float, float]]:
    """Promise and rate over all pictures of the points."""
    pooled = []
    for promised in sorted({point.promised for point in points}):
        rates = [point.false_alarms for point in points if point.promised == promised]
        pooled.append((promised, sum(r.count for r in rates) / sum(r.of for r in rates)))
    return pooled
