"""Measures a region of the anomaly map at the resolution of the frame.

An anomaly map shows where a defect is, but the region on the map is larger than the defect. The
texture in a ring around the region counts as normal. What differs from it in brightness or colour
and is connected is a defect. It is searched in a coarse view, cut out in a finer view, and its
outline is moved to the edge with profiles at the resolution of the frame.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Final

import cv2
import numpy as np

from inspector.core.arrays import Image, Map, Mask
from inspector.core.geometry import Affine
from inspector.measure import shape
from inspector.measure.contours import MapRegion, find_regions, score_region
from inspector.measure.contrast import find_core, find_cue
from inspector.measure.cut_out import (
    LEAST_RING,
    MAX_PARTS,
    NO_RING,
    RUNS_OUT,
    SIMILAR,
    Line,
    Other,
    Refinement,
    Task,
    View,
    cut_out,
    refine_line,
)
from inspector.measure.outline import Outline, Unrefined
from inspector.measure.patch import Patch, cut_patch
from inspector.measure.smoothing import grow_mask
from inspector.measure.texture import Texture, flatten

COARSE_PIXELS: Final = 8_000
"""Largest number of pixels of the coarse view. A larger box is averaged down."""


MARGIN_PX: Final = 16.0
MARGIN_SHARE: Final = 0.35
"""Margin of the box around the region, as a share of its longer side; at least MARGIN_PX."""

BAND_SHARE: Final = 0.25
"""Width of the band around the region that is neither defect nor normal texture, as a share of the
margin and of the width of the region."""

WIDER: Final = (1.0, 3.0, 6.0)
"""The margin grows by these factors, one try each, if the defect runs out of the box."""

CONFINED_PX: Final = 12.0
"""Distance in frame pixels from the region. If the edge runs out of every box, a last try stays
within this distance. Example: a scratch has the colour of the joints between bricks."""

CORE_SHARE: Final = 0.2
"""The core begins at this share of the way from the lowest to the highest value of the region."""

MIN_SURPRISE: Final = 1.2
"""Below this surprise a region keeps its size on the map. Measured with rendered defects on gravel,
brick and grass, as the share with errors below 20 % in length and 35 % in area: one fifth for a
surprise of 1 to 1.5, one half for 1.5 to 2, 93 % above 10."""


HOT_SHARES: Final = (0.25, 0.6)
"""Levels for a region that leaves no ring, as shares of the way from its mean to its peak."""


def refine(
    image: Image,
    region: MapRegion,
    anomaly_map: Map,
    to_frame: Affine,
    others: tuple[Other, ...],
) -> tuple[Outline, ...] | Unrefined:
    """Finds the defects of one region on the frame.

    image: (H, W, 3) BGR. region: in map pixels. to_frame: map -> frame pixels. others: the frame's
    other regions in frame pixels, which are not normal texture.
    """
    task = Task(image, region, anomaly_map, to_frame, others)
    # The line does not depend on the box.
    find_line = cache(partial(refine_line, task))
    result: Refinement = Unrefined(RUNS_OUT)
    for widening, confined in (*((factor, False) for factor in WIDER), (1.0, True)):
        result = _refine_in_box(task, find_line, widening, confined)
        if not isinstance(result, Unrefined):
            return result
        if result.reason == NO_RING:
            return _refine_hot_parts(task)
        if result.reason != RUNS_OUT:
            break
    line = find_line()
    return (line,) if isinstance(line, Outline) else line or result


def _refine_hot_parts(task: Task) -> Refinement:
    """Refines the parts of a region at higher levels of the map, if the region leaves no ring."""
    peak, mean = score_region(task.anomaly_map, task.region)
    for share in HOT_SHARES:
        level = mean + share * (peak - mean)
        parts = [r for r in find_regions(task.anomaly_map, level) if _is_within(r, task.region)]
        parts.sort(key=lambda part: -score_region(task.anomaly_map, part)[0])
        polygons = [tuple(task.to_frame.apply(p) for p in part.polygons) for part in parts]
        regions = [(shape.bounding_box(p[0]), p) for p in polygons]
        outlines: list[Outline] = []
        for i, part in enumerate(parts[:MAX_PARTS]):
            others = (*task.others, *regions[:i], *regions[i + 1 :])
            smaller = replace(task, region=part, others=others)
            result = _refine_in_box(smaller, partial(refine_line, smaller), 1.0, False)
            if not isinstance(result, Unrefined):
                outlines += result
        if outlines:
            return tuple(replace(outline, parts=len(outlines)) for outline in outlines)
    return Unrefined(NO_RING)


def _is_within(part: MapRegion, region: MapRegion) -> bool:
    x, y = part.polygons[0][0].tolist()
    return cv2.pointPolygonTest(region.polygons[0].astype(np.float32), (x, y), False) >= 0


def _refine_in_box(
    task: Task, find_line: Callable[[], Line], widening: float, confined: bool
) -> Refinement:
    polygons = task.polygons
    x0, y0, x1, y1 = shape.bounding_box(np.concatenate(polygons))
    margin = widening * max(MARGIN_PX, MARGIN_SHARE * max(x1 - x0, y1 - y0))
    coarse = cut_patch(
        task.image, (x0 - margin, y0 - margin, x1 + margin, y1 + margin), COARSE_PIXELS
    )
    inside = coarse.paint(polygons)
    foreign = _paint_all(coarse, task.others) & ~inside
    # The defect may reach a little beyond its region.
    width = shape.area(polygons[0]) / max(x1 - x0, y1 - y0, 1.0)
    near = grow_mask(inside, BAND_SHARE * min(margin, width) / coarse.factor)
    ring = ~(near | foreign)
    if np.count_nonzero(ring) < LEAST_RING * ring.size:
        return Unrefined(NO_RING)
    if not inside.any():
        return Unrefined("its region is smaller than a pixel")
    support = ~foreign
    if confined:
        support &= grow_mask(inside, CONFINED_PX / coarse.factor)
    core = find_core(coarse.sample(task.anomaly_map, task.to_frame), inside, CORE_SHARE)
    flatten(coarse.pixels, ring)
    texture = Texture(coarse.pixels, ring)
    cue = find_cue(texture, core)
    if cue.surprise < MIN_SURPRISE:
        return Unrefined(SIMILAR)
    return cut_out(task, View(coarse, texture, support), core, cue, find_line)


def _paint_all(patch: Patch, others: tuple[Other, ...]) -> Mask:
    mask = np.zeros(patch.hw, dtype=bool)
    x0, y0, x1, y1 = patch.box
    # The edges of a painted polygon are a pixel wide.
    gap = 2.0 * patch.factor
    for (left, top, right, bottom), polygons in others:
        if left < x1 + gap and right > x0 - gap and top < y1 + gap and bottom > y0 - gap:
            mask |= patch.paint(polygons)
    return mask
