"""Bounds of the error that grouping scores makes in the figures of learning.metrics.curves.

Each entry of detected and alarms is the end of a group of scores whose order is not known any more.
The bounds hold for every order inside the groups. float64, cumulative, (k,) as in curves.
"""

import numpy as np

from learning.metrics import curves
from learning.metrics.curves import Floats


def area_under_roc(detected: Floats, alarms: Floats) -> float:
    """Each pair of a normal and an anomalous one in a group counts half and may count 0 or 1."""
    pairs = np.diff(detected, prepend=0.0) * np.diff(alarms, prepend=0.0)
    return float(pairs.sum() / 2 / (detected[-1] * alarms[-1]))


def average_precision(detected: Floats, alarms: Floats) -> float:
    """Anomalous ones first in their group is the best order, normal ones first the worst."""
    steps = np.diff(detected, prepend=0.0)
    before = alarms - np.diff(alarms, prepend=0.0)
    end = curves.precision(detected, alarms)
    best = curves.precision(detected, before)
    # With all normal ones of the group first, the precision is concave in the number detected, so
    # its mean over the group is at least that of its ends.
    first = detected - steps + np.minimum(steps, 1)
    worst = (curves.precision(first, alarms) + end) / 2
    up, down = (steps * (best - end)).sum(), (steps * (end - worst)).sum()
    return float(max(up, down) / detected[-1])


def f1_max(detected: Floats, alarms: Floats) -> float:
    """The ends of groups are real thresholds, so the exact maximum can only be higher."""
    before = alarms - np.diff(alarms, prepend=0.0)
    return float(curves.f1(detected, before).max() - curves.f1(detected, alarms).max())


def area_below(rates: Floats, heights: Floats, limit: float) -> float:
    """Inside a group the curve may be anywhere in a rectangle; its diagonal has half the area."""
    x, y = np.append(0.0, rates), np.append(0.0, heights)
    widths, rises = np.diff(np.minimum(x, limit)), np.diff(y)
    # The limit may cut a group anywhere: from nothing to all of its rise may be on either side.
    halves = np.where(x[1:] > limit, 1.0, 0.5)
    return float((widths * rises * halves).sum() / limit)
