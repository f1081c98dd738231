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
    return replace(
        best,
        length_px=_median(views, lambda d: d.length_px),
        width_px=_median(views, lambda d: d.width_px),
        area_px=_median(views, lambda d: d.area_px),
        length_mm=length,
        length_u_mm=length_u,
        width_mm=width,
        width_u_mm=width_u,
        area_mm2=area,
        area_u_mm2=area_u,
        equivalent_diameter_mm=None if area is None else 2 * math.sqrt(area / math.pi),
        severity=max((v.severity for v in views), key=_SEVERITIES.index),
        peak_score=max(v.peak_score for v in views),
    )


def _median(views: Sequence[Defect], get: Callable[[Defect], float]) -> float:
    return float(np.median([get(view) for view in views]))


def _combine(
    views: Sequence[Defect],
    get: Callable[[Defect], float | None],
    get_u: Callable[[Defect], float | None],
) -> tuple[float | None, float | None]:
    pairs = [(value, u) for v in views if (value := get(v)) is not None and (u := get_u(v))]
    if not pairs:
        return get(views[0]), get_u(views[0])
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
