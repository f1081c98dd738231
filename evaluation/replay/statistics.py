"""Paired comparisons: by how much sizes and scores changed."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from learning.metrics.intervals import percentile_interval

Floats = npt.NDArray[np.float64]

RESAMPLES: Final = 2000
SEED: Final = 1


@dataclass(frozen=True, slots=True)
class SizeChange:
    """Of matched defects. median, interval: of new minus old, in the unit, with the 95 % interval
    by resampling of whole frames. median_share, share_interval: the same for (new - old) / old.
    interval is None if fewer than two frames have pairs."""

    unit: str
    pairs: int
    frames: int
    old_median: float
    new_median: float
    median: float
    interval: tuple[float, float] | None
    median_share: float
    share_interval: tuple[float, float] | None


def compare_sizes(unit: str, frame_ids: Floats, old: Floats, new: Floats) -> SizeChange:
    """frame_ids, old, new: (n,) of the matched defects, n >= 1."""
    _, clusters = np.unique(frame_ids, return_inverse=True)
    count = int(clusters.max()) + 1
    shares = (new - old) / np.maximum(np.abs(old), np.finfo(np.float64).tiny)
    several = count > 1
    return SizeChange(
        unit,
        len(old),
        count,
        float(np.median(old)),
        float(np.median(new)),
        float(np.median(new - old)),
        _resample_median(new - old, clusters) if several else None,
        float(np.median(shares)),
        _resample_median(shares, clusters) if several else None,
    )


def _resample_median(values: Floats, clusters: npt.NDArray[np.intp]) -> tuple[float, float] | None:
    """Draws whole frames, because the defects of a frame are not independent."""
    rng = np.random.default_rng(SEED)
    order = np.argsort(values, kind="stable")
    ordered, owners = values[order], clusters[order]
    count = int(clusters.max()) + 1
    medians = np.empty(RESAMPLES)
    for number in range(RESAMPLES):
        drawn = np.bincount(rng.integers(0, count, count), minlength=count)[owners]
        heights = np.cumsum(drawn)
        total = heights[-1]
        if total == 0:
            medians[number] = np.nan
            continue
        # The median of the drawn values is between these two.
        places = np.searchsorted(heights, [(total + 1) // 2, total // 2 + 1])
        medians[number] = ordered[places].mean()
    return percentile_interval(medians)


def rank_correlation(old: Floats, new: Floats) -> float | None:
    """Correlation of the ranks (Spearman); None if one side has a single value."""
    if len(old) < 2:
        return None
    ranks = [rankdata(values) for values in (old, new)]
    if any(np.ptp(each) == 0 for each in ranks):
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
