"""How far the figures of curves can be from those of ungrouped scores.

Each entry of found and alarms ends a group of scores whose order is no longer known: the bounds
hold for every order inside the groups. float64, cumulative, (k,) as in curves.
"""

import numpy as np

from learning.metrics import curves
from learning.metrics.curves import Floats


def area_under_roc(found: Floats, alarms: Floats) -> float:
    """Each pair of a normal and an anomalous one in a group counts half and may count 0 or 1."""
    pairs = np.diff(found, prepend=0.0) * np.diff(alarms, prepend=0.0)
    return float(pairs.sum() / 2 / (found[-1] * alarms[-1]))


def average_precision(found: Floats, alarms: Floats) -> float:
    """Anomalous ones first in their group is the best order, normal ones first the worst."""
    steps = np.diff(found, prepend=0.0)
    before = alarms - np.diff(alarms, prepend=0.0)
    end = curves.precision(found, alarms)
    best = curves.precision(found, before)
    # With all the normal ones of the group ahead the precision is concave in the number found, so
    # its mean over the group is at least that of its ends.
    first = found - steps + np.minimum(steps, 1)
    worst = (curves.precision(first, alarms) + end) / 2
    up, down = (steps * (best - end)).sum(), (steps * (end - worst)).sum()
    return float(max(up, down) / found[-1])


def f1_max(found: Floats, alarms: Floats) -> float:
    """The ends of groups are real thresholds, so the exact maximum can only be higher."""
    before = alarms - np.diff(alarms, prepend=0.0)
    return float(curves.f1(found, before).max() - curves.f1(found, alarms).max())


def area_below(rates: Floats, heights: Floats, limit: float) -> float:
    """Inside a group the curve may run anywhere in a rectangle, of which its diagonal is half."""
    x, y = np.append(0.0, rates), np.append(0.0, heights)
    widths, rises = np.diff(np.minimum(x, limit)), np.diff(y)
    # The group that the limit cuts may have risen by anything from nothing to all on either side.
    halves = np.where(x[1:] > limit, 1.0, 0.5)
    return float((widths * rises * halves).sum() / limit)
