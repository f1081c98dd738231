"""Compares the region of the map with what was measured in it.

A region is wider than the defect by about the same distance everywhere. Where it bulges, a part of
the defect may be missing, such as a branch of a crack.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from inspector.core.arrays import Image
from inspector.core.geometry import Affine, Points
from inspector.measure import shape
from inspector.measure.budget import Budget, Term
from inspector.measure.crack import measure_step, outline_crack
from inspector.measure.outline import Outline
from inspector.measure.profiles import Source
from inspector.measure.smoothing import Float32Array, find_median
from inspector.measure.vertices import resample

BULGE_SHARE: Final = 0.25
BULGE_PX: Final = 3.0
"""A region may hide branches where its outline is further from the line in it than usual, by more
than this share of the usual distance plus pixels."""

BULGE_U: Final = 0.5
"""Standard uncertainty of the width by such branches, as a share of the excess of the distance."""

REST_BULGE: Final = 2.0
"""The same limit for an outline that is not a line is higher by this factor."""

MAX_BULGE: Final = 2.5
"""Above this many times the limit of the excess a single line does not explain the region, and it
keeps its size on the map."""


def find_branches(
    image: Image, polygons: tuple[Points, ...], outline: Outline, white: Float32Array
) -> Outline | None:
    """Looks for branches of a line where the region of the map is wider than a line explains.

    image: the frame. polygons: of the region, in frame pixels. If no branch is there, the excess is
    stated as uncertainty. None: the excess is too large for that.
    """
    ridge = outline.ridge
    if ridge is None:
        return outline
    usual, largest = measure_bulge(polygons, ridge.middle)
    excess, limit = largest - usual, BULGE_SHARE * usual + BULGE_PX
    if excess < limit:
        return outline
    weights = measure_step(Source(image, Affine(1.0, 1.0)), white, ridge)
    crack = outline_crack(image, ridge.middle, weights, white, ridge.clearness)
    if crack is not None and measure_bulge(polygons, crack.polygons[0])[1] < largest:
        return crack
    if excess > MAX_BULGE * limit:
        return None
    u = BULGE_U * excess
    term = Term("branches", u * ridge.width, 0.5 * u, u)
    return replace(outline, budget=Budget((*outline.budget.terms, term)))


def doubt_rest(polygons: tuple[Points, ...], outlines: list[Outline]) -> list[Outline]:
    """States a part of the region that is far from all outlines as uncertainty: a part of the
    defect may be hidden there."""
    places = np.concatenate([resample(outline.polygons[0], 3.0) for outline in outlines])
    usual, largest = measure_bulge(polygons, places)
    excess = largest - usual
    if excess < REST_BULGE * (BULGE_SHARE * usual + BULGE_PX):
        return outlines
    u = BULGE_U * excess
    doubted = []
    for outline in outlines:
        length, _ = shape.max_feret(outline.polygons[0])
        area = shape.area(outline.polygons[0])
        term = Term("rest of the region", area * min(u / length, 0.5), u, u / 2)
        doubted.append(replace(outline, budget=Budget((*outline.budget.terms, term))))
    return doubted


def measure_bulge(polygons: tuple[Points, ...], places: Points) -> tuple[float, float]:
    """Usual and largest distance of the outline of a region from places of a line in it, in frame
    pixels. The region of a single line is equally wide along it. That of a crack bulges at the
    branches."""
    region = polygons[0][:: max(1, len(polygons[0]) // 100)]
    line = places[:: max(1, len(places) // 100)]
    away = np.hypot(*(region[:, axis, None] - line[:, axis] for axis in (0, 1))).min(axis=1)
    return float(find_median(away)), float(away.max())
