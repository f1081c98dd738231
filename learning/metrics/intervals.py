"""Confidence intervals of rates and of resampled figures."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

CONFIDENCE: Final = 0.95


def clopper_pearson(successes: int, trials: int) -> tuple[float, float]:
    """Exact 95 % interval of a rate; (0, 1) without trials."""
    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if successes == 0 else beta.ppf(tail, successes, trials - successes + 1)
    high = 1.0 if successes == trials else beta.ppf(1 - tail, successes + 1, trials - successes)
    return float(low), float(high)


def percentile_interval(replicates: npt.NDArray[np.floating]) -> tuple[float, float] | None:
    """95 % interval by the percentiles of resampled figures, NaN left out.

    None where more than half of the resamples do not define the figure.
    """
    kept = replicates[np.isfinite(replicates)]
    if 2 * len(kept) < max(len(replicates), 1):
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(kept, [tail, 1 - tail])
    return float(low), float(high)


def two_sided_p(differences: npt.NDArray[np.floating]) -> float:
    """Chance of so large a difference if there were none, from paired resamples without the NaN.

    Twice the share of resamples on the rarer side of 0, both counts plus one so that it is never 0.
    """
    kept = differences[np.isfinite(differences)]
    rarer = min(np.count_nonzero(kept <= 0), np.count_nonzero(kept >= 0))
    return min(1.0, 2 * (float(rarer) + 1) / (len(kept) + 1))
