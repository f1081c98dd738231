"""Confidence intervals of rates and of resampled figures."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

CONFIDENCE: Final = 0.95


def clopper_pearson(successes: int, trials: int) -> tuple[float, float]:
    """Exact 95 % interval of a rate; (0, 1) without trials."""
    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if successes == 0 else betaincinv(successes, trials - successes + 1, tail)
    high = 1.0 if successes == trials else betaincinv(successes + 1, trials - successes, 1 - tail)
    return float(low), float(high)


def lowest_share(successes: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """Exact lower bound of a rate, one-sided (Clopper-Pearson); 0 without successes."""
    if successes == 0:
        return 0.0
    return float(betaincinv(successes, trials - successes + 1, 1 - confidence))


def fewest_trials(share: float, misses: int = 0) -> int:
    """Trials that show a rate of at least `share` by lowest_share, if `misses` of them fail. 29 for
    0.9 without a miss."""
    trials = misses + 1
    while lowest_share(trials - misses, trials) < share:
        trials += 1
    return trials


def percentile_interval(replicates: npt.NDArray[np.floating]) -> tuple[float, float] | None:
    """95 % interval by the percentiles of resampled figures, NaN left out.

    None if more than half of the resamples do not define the figure.
    """
    finite = replicates[np.isfinite(replicates)]
    if 2 * len(finite) < max(len(replicates), 1):
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def two_sided_p(differences: npt.NDArray[np.floating]) -> float:
    """Probability of such a large difference if there were none, from paired resamples without NaN.

    Twice the share of resamples on the rarer side of 0. One is added to both counts, so that it is
    never 0.
    """
    finite = differences[np.isfinite(differences)]
    rarer = min(np.count_nonzero(finite <= 0), np.count_nonzero(finite >= 0))
    return min(1.0, 2 * (float(rarer) + 1) / (len(finite) + 1))
