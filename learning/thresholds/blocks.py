"""How many of the frames of a stream count as independent.

Neighbouring frames are nearly the same, so n frames say less of new frames than n pictures taken
apart. Frames are joined to blocks as long as their scores remember each other; a block's score is
its highest, and only blocks are counted.
"""

import math

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.floating]


def block_length(scores: Values) -> int:
    """Frames until the scores of a stream, in order, are uncorrelated; 1 where they are from the
    start.

    One more than the least lag m after which max(5, sqrt(log10 n)) autocorrelations in a row lie
    within 2 sqrt(log10(n) / n) (Politis and White 2004, section 3.2, the rule that sets the
    bandwidth of their block length).
    """
    count = len(scores)
    centred = scores.astype(np.float64) - np.mean(scores, dtype=np.float64)
    power = float(np.dot(centred, centred))
    # Equal scores differ by rounding only, which has no order to speak of.
    if count < 3 or power <= count * (1e-9 * float(np.abs(scores).max())) ** 2:
        return 1
    correlations = np.correlate(centred, centred, "full")[count:] / power
    alike = np.abs(correlations) >= 2 * math.sqrt(math.log10(count) / count)
    run = max(5, math.ceil(math.sqrt(math.log10(count))))
    return next(m for m in range(count) if not alike[m : m + run].any()) + 1


def block_maxima(values: Values, length: int) -> Values:
    """The highest value of each of n // length blocks of neighbours, none shorter than length
    (of one block where n is)."""
    blocks = np.array_split(values, max(1, len(values) // length))
    return np.array([block.max() for block in blocks], values.dtype)
