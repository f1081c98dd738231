"""Paired comparison of verdicts: how many changed."""

import math
from dataclasses import dataclass
from typing import Final

from scipy.special import bdtr

from learning.metrics.intervals import clopper_pearson

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
        min(1.0, 2 * float(bdtr(min(pass_to_fail, fail_to_pass), changed, 0.5)))
        if changed
        else 1.0,
    )
