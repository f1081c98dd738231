"""Combines the sizes of one defect from the frames that show it whole."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from inspector.core.types import Defect

COMMON_SHARE: Final = 0.5
"""Share of the variance of a size that all views of a defect have in common: the same light, the
same edge of the defect, the same calibration. This part does not become smaller with more views."""

_OUTLIER: Final = 3.5
"""A view that differs from the median by more than this many standard deviations is left out."""

_SEVERITIES: Final = ("low", "medium", "high", "critical")


def combine_views(views: Sequence[Defect]) -> Defect:
    """One defect with the combined sizes of its views, the best view first.

    Each size is the weighted mean with the inverse variances as weights. Its uncertainty has a part
    that all views have in common, and a part that becomes smaller with the number of views, but is
    at least as large as the differences between the views suggest. Outline, position and scores
    are those of the best view. The severity is the highest one.
    """
    best = views[0]
    length, length_u = _combine(views, lambda d: d.length_mm, lambda d: d.length_u_mm)
    width, width_u = _combine(views, lambda d: d.width_mm, lambda d: d.width_u_mm)
    area, area_u = _combine(views, lambda d: d.area_mm2, lambda d: d.area_u_mm2)
    length_px, length_u_px = _combine(views, lambda d: d.length_px, lambda d: d.length_u_px)
    width_px, width_u_px = _combine(views, lambda d: d.width_px, lambda d: d.width_u_px)
    area_px, area_u_px = _combine(views, lambda d: d.area_px, lambda d: d.area_u_px)
    worst = max(views, key=lambda d: _SEVERITIES.index(d.severity))
    return replace(
        best,
        length_px=length_px or best.length_px,
        length_u_px=length_u_px,
        width_px=width_px or best.width_px,
        width_u_px=width_u_px,
        area_px=area_px or best.area_px,
        area_u_px=area_u_px,
        length_mm=length,
        length_u_mm=length_u,
        width_mm=width,
        width_u_mm=width_u,
        area_mm2=area,
        area_u_mm2=area_u,
        equivalent_diameter_mm=None if area is None else 2 * math.sqrt(area / math.pi),
        severity=worst.severity,
        severity_by=worst.severity_by,
        peak_score=max(v.peak_score for v in views),
        decision=None,  # it was made with the size in one frame
        limits=(),
    )


def _combine(
    views: Sequence[Defect],
    get: Callable[[Defect], float | None],
    get_u: Callable[[Defect], float | None],
) -> tuple[float | None, float | None]:
    pairs = [(value, u) for v in views if (value := get(v)) is not None and (u := get_u(v))]
    if not pairs:  # without uncertainties
        known = [value for v in views if (value := get(v)) is not None]
        return (float(np.median(known)) if known else None), None
    values, us = np.array(pairs).T
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    near = np.abs(values - middle) <= _OUTLIER * np.maximum(us, spread)
    if not near.any():  # two views that contradict each other
        near = np.ones(len(values), bool)
    values, us = values[near], us[near]
    weights = us**-2.0 / np.sum(us**-2.0)
    mean = float(weights @ values)
    claimed = (1 - COMMON_SHARE) * float(np.sum((weights * us) ** 2))
    seen = 0.0
    if len(values) > 1:
        seen = float(weights @ (values - mean) ** 2) / (len(values) - 1)
    common = COMMON_SHARE * float(weights @ us**2)
    return mean, math.sqrt(common + max(claimed, seen))
