"""Finds the smallest defect that is found with 90 % probability, at 95 % confidence (a90/95).

The rule, in this order:

1. The largest size is tested exactly: the one-sided Clopper-Pearson bound of the share found must
   reach 90 %. 29 of 29 pictures do, 45 of 46, 59 of 61. Otherwise no size is stated.
2. Curves state the size if found and missed sizes overlap. Of the three curves in LINKS, those
   count whose misfit_p reaches LEAST_FIT. The first size that is not below the largest of their
   bounds is stated, if the exact test supports it: from it on, each size must reach 90 % at the
   lower confidence SUPPORT. A size between two tested ones is never stated, because nothing shows
   how the curve runs there.
3. Otherwise the exact test states the size: it goes on with the next smaller size until one does
   not reach 90 %, and states the last that did. A fixed order needs no correction for several
   tests.

Each picture is used once for each size. So the trials of a size are independent if the pictures
are, and the exact test holds for every shape of the curve, also where a picture hides every defect.
The curves join several sizes of a picture; evaluation.acceptance.detection_curve allows for that.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.acceptance.detection_curve import (
    LINKS,
    DetectionCurve,
    Values,
    bound_size,
    fit_curve,
)
from learning.metrics.intervals import fewest_trials, lowest_share

RATE: Final = 0.9
"""Share of the defects that must be found."""

LEAST_FIT: Final = 0.1
"""A curve counts from this misfit_p on."""

FEWEST: Final = fewest_trials(RATE)
"""Pictures below which no size can be shown, even if all defects are found: 29."""

SUPPORT: Final = 0.75
"""Confidence with which the sizes from the bound of the curves on must reach RATE. It protects
against curves that rise too fast where it matters, such as between two plateaus."""

CURVE, EXACT = "curve", "exact"
TOO_FEW, MISSED = "too few pictures", "missed too often"


@dataclass(frozen=True, slots=True)
class ReliableSize:
    """size: a90/95 in the unit of the sizes; None if no size is shown. method: CURVE or EXACT, for
    no size the reason TOO_FEW or MISSED. reason: why, without a full stop. curves: those that count
    as fitting, the best first."""

    size: float | None
    method: str
    reason: str
    curves: tuple[DetectionCurve, ...] = ()


def find_reliable_size(sizes: Values, detected: Values) -> ReliableSize:
    """sizes: (k,), rising. detected: (n, k), 1 found, 0 missed, NaN not tried; one row for each
    picture. k and n are at least 1."""
    tried = np.isfinite(detected).sum(axis=0)
    hits = np.nansum(detected, axis=0).astype(int)
    fitted = [fit_curve(name, sizes, detected) for name in LINKS]
    curves = tuple(
        sorted(
            (each for each in fitted if each is not None and each.misfit_p >= LEAST_FIT),
            key=lambda each: -each.misfit_p,
        )
    )
    shown = [lowest_share(int(h), int(n)) >= RATE for h, n in zip(hits, tried, strict=True)]
    if not shown[-1]:
        return ReliableSize(None, *_explain_none(int(hits[-1]), int(tried[-1])), curves)
    bounds = [bound_size(curve, sizes, detected, RATE) for curve in curves]
    stated = [bound for bound in bounds if bound is not None]
    if not curves:
        overlap = any(curve is not None for curve in fitted)
        reason = (
            "no curve fits the shares of the sizes"
            if overlap
            else "found and missed sizes do not overlap, so there is no curve"
        )
    elif len(stated) < len(bounds):
        reason = "the bound of a curve is above the largest size"
    elif not all(
        lowest_share(int(h), int(n), SUPPORT) >= RATE
        for h, n in zip(hits[sizes >= max(stated)], tried[sizes >= max(stated)], strict=True)
    ):
        reason = "the shares of the sizes above the bound of the curves do not support it"
    else:
        names = ", ".join(curve.name for curve in curves)
        reason = f"first size from the largest bound on, {max(stated):.3g}, of the curves {names}"
        return ReliableSize(float(sizes[sizes >= max(stated)][0]), CURVE, reason, curves)
    smallest = len(sizes) - 1
    while smallest > 0 and shown[smallest - 1]:
        smallest -= 1
    return ReliableSize(float(sizes[smallest]), EXACT, reason, curves)


def _explain_none(hits: int, tried: int) -> tuple[str, str]:
    """The method and the reason if the largest size is not shown."""
    misses = tried - hits
    reason = f"{misses} of {tried} defects of the largest size were missed"
    if hits < RATE * tried:
        return MISSED, reason
    if tried < FEWEST:
        return TOO_FEW, f"at least {FEWEST} pictures are needed, and {tried} can be used"
    needed = fewest_trials(RATE, misses)
    return MISSED, f"{reason}; {misses} may be missed with {needed} pictures"
