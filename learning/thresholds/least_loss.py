"""Chooses the threshold with the least loss from the scores of normal and anomalous pictures."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.floating]


def least_loss(
    values: Values, anomalous: Values, loss: Callable[[Values, Values], Values], limit: float
) -> float:
    """The highest score that still passes: in the middle between two neighbouring scores, or the
    limit if that is lower.

    A few anomalous pictures choose a threshold poorly, so there are bounds: it is not above the
    limit, which must lie at or above the median of the values, and at most half of the normals
    fail. Of equal losses, the lowest threshold is best.

    values: (n,) of normals. anomalous: (m,). loss: numbers of missed anomalous pictures and of
    false alarms, (k,) each -> (k,).
    """
    cuts = np.unique(np.concatenate([values, anomalous]))
    missed = np.searchsorted(np.sort(anomalous), cuts, side="right").astype(np.float64)
    alarms = float(len(values)) - np.searchsorted(np.sort(values), cuts, side="right")
    allowed = (cuts <= limit) & (2 * alarms <= len(values))
    best = int(np.argmin(np.where(allowed, loss(missed, alarms), math.inf)))
    above = cuts[min(best + 1, len(cuts) - 1)]
    return min(float(cuts[best] + above) / 2, limit)
