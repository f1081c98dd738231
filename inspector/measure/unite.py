"""Unites outlines that touch each other."""

import math
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from inspector.core.geometry import Points
from inspector.measure import shape
from inspector.measure.budget import Budget, Term
from inspector.measure.contours import trace_regions
from inspector.measure.outline import Outline

FINENESS: Final = 4
"""Pixels of the drawing per frame pixel."""

REPEATED_SHARE: Final = 0.7
"""Where more than this share of the vertices of an outline lie in or near another one, both are the
same defect."""

TOUCH_PX: Final = 1.5
"""Outlines that are nearer to each other than this are united."""


def unite_touching(outlines: list[Outline]) -> list[Outline]:
    """Unites the outlines that overlap or touch. The others are returned unchanged."""
    united: list[Outline] = []
    for outline in outlines:
        rest = []
        for other in united:
            if _touch(outline, other):
                outline = _join(outline, other)
            else:
                rest.append(other)
        united = [*rest, outline]
    return united


def unite_regions(outlines: dict[int, tuple[Outline, ...]]) -> dict[int, tuple[Outline, ...]]:
    """Unites the outlines of different regions that overlap or touch: one scratch may have several
    regions on the map.

    outlines: number of the region -> its outlines. A united outline belongs to the region with the
    lowest number. A region whose outlines all went to other regions is left with an empty tuple.
    """
    united: list[tuple[int, Outline]] = []
    for number in sorted(outlines):
        for outline in outlines[number]:
            owner, rest = number, []
            for other_owner, other in united:
                if other_owner != number and _touch(outline, other):
                    owner, outline = min(owner, other_owner), _join(outline, other)
                else:
                    rest.append((other_owner, other))
            united = [*rest, (owner, outline)]
    return {
        number: tuple(outline for owner, outline in united if owner == number)
        for number in outlines
    }


def _join(a: Outline, b: Outline) -> Outline:
    """The larger of two outlines if it covers most of the other, otherwise their union."""
    larger, smaller = sorted((a, b), key=lambda outline: -shape.area(outline.polygons[0]))
    shift = larger.polygons[0].mean(axis=0)
    contour = (larger.polygons[0] - shift).astype(np.float32)
    near = [
        cv2.pointPolygonTest(contour, (float(x), float(y)), True) >= -TOUCH_PX
        for x, y in smaller.polygons[0] - shift
    ]
    if np.mean(near) < REPEATED_SHARE:
        return _unite(a, b)
    return replace(larger, parts=max(a.parts, b.parts))


def _touch(a: Outline, b: Outline) -> bool:
    first, second = a.polygons[0], b.polygons[0]
    low = np.maximum(first.min(axis=0), second.min(axis=0))
    if (low > np.minimum(first.max(axis=0), second.max(axis=0)) + TOUCH_PX).any():
        return False
    shift = first.mean(axis=0)
    contour = (second - shift).astype(np.float32)
    return any(
        cv2.pointPolygonTest(contour, (float(x), float(y)), True) >= -TOUCH_PX
        for x, y in (first - shift)[:: max(1, len(first) // 120)]
    ) or any(
        cv2.pointPolygonTest((first - shift).astype(np.float32), (float(x), float(y)), True)
        >= -TOUCH_PX
        for x, y in (second - shift)[:: max(1, len(second) // 120)]
    )


def _unite(a: Outline, b: Outline) -> Outline:
    """The union of two outlines, with the uncertainties of both."""
    x0, y0, x1, y1 = shape.bounding_box(np.concatenate((a.outer, b.outer)))
    low = np.floor((x0, y0)) - 2
    size = tuple(
        math.ceil((high - start + 2) * FINENESS) for high, start in zip((x1, y1), low, strict=True)
    )
    canvas = np.zeros((size[1], size[0]), np.uint8)
    for outline in (a, b):
        layer = np.zeros_like(canvas)
        rings = [
            np.rint(((ring - low) * FINENESS - 0.5) * 16).astype(np.int32)
            for ring in outline.polygons
        ]
        cv2.fillPoly(layer, rings, 1, shift=4)
        canvas |= layer
    gap = 2 * math.ceil(TOUCH_PX * FINENESS / 2) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gap, gap))
    canvas = cv2.morphologyEx(canvas, cv2.MORPH_CLOSE, disc)
    regions = trace_regions(canvas.astype(np.float32), 0.5)
    region = max(regions, key=lambda r: shape.area(r.polygons[0]))
    polygons: tuple[Points, ...] = tuple(ring / FINENESS + low for ring in region.polygons)
    wider = max((a, b), key=lambda outline: shape.min_feret(outline.outer))
    # The length reaches over both, so an end of each counts. The wider part gives the width.
    terms = tuple(
        Term(term.name, term.area, term.length, term.width if outline is wider else 0.0)
        for outline in (a, b)
        for term in outline.budget.terms
    )
    return Outline(polygons, region.holes, Budget(terms))
