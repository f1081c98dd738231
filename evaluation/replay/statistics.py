"""Paired comparisons: how many verdicts changed, and by how much sizes changed."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest, rankdata

from learning.metrics.intervals import clopper_pearson, percentile_interval

Floats = npt.NDArray[np.float64]

RESAMPLES: Final = 2000
SEED: Final = 1

Z: Final = 1.959964
"""Of a two-sided 95 % interval of the normal distribution."""


@dataclass(frozen=True, slots=True)
class FailChange:
    """frames: judged PASS or FAIL both times. pass_to_fail, fail_to_pass: numbers of frames; their
    intervals are the exact ones of their shares (Clopper and Pearson, 95 %). difference: share of
    FAIL in the replay minus that in the run; None without frames. interval: 95 %. p: two-sided, of
    the exact test by McNemar (Psychometrika 12, 1947).
    """

    frames: int
    pass_to_fail: int
    fail_to_pass: int
    pass_to_fail_interval: tuple[float, float]
    fail_to_pass_interval: tuple[float, float]
    difference: float | None
    interval: tuple[float, float] | None
    p: float | None


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


def compare_fails(frames: int, pass_to_fail: int, fail_to_pass: int) -> FailChange:
    """The interval of the difference is the adjusted one by Bonett and Price (British Journal of
    Mathematical and Statistical Psychology 65, 2012), which holds for few frames too."""
    counts = (frames, pass_to_fail, fail_to_pass)
    exact = (clopper_pearson(pass_to_fail, frames), clopper_pearson(fail_to_pass, frames))
    if not frames:
        return FailChange(*counts, *exact, None, None, None)
    more, fewer = ((count + 1) / (frames + 2) for count in counts[1:])
    middle = more - fewer
    half = Z * math.sqrt((more + fewer - middle**2) / (frames + 2))
    changed = pass_to_fail + fail_to_pass
    return FailChange(
        *counts,
        *exact,
        (pass_to_fail - fail_to_pass) / frames,
        (max(middle - half, -1.0), min(middle + half, 1.0)),
        float(binomtest(pass_to_fail, changed).pvalue) if changed else 1.0,
    )


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
