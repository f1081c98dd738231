"""The same defect at the resolution of the frame: its half-way edge against the texture around it.

An anomaly map tells where a defect is, but swells around it. Here the texture in a ring around the
region is taken as normal; what differs from it most, in colour, is followed from a coarse view to
the finest smoothing at which it still stands out, and contoured half-way between defect and
surroundings.
"""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from inspector.core.arrays import Image, Map, Mask
from inspector.core.geometry import Affine, Points
from inspector.measure import shape
from inspector.measure.contours import Region, find_regions, paint, region_scores
from inspector.measure.contrast import (
    Core,
    Cue,
    again,
    core_of,
    extreme,
    find_cue,
    flatten,
    project,
)
from inspector.measure.edges import Edge, find_edge
from inspector.measure.follow import NO_EDGE, NO_RING, follow
from inspector.measure.outline import Outline, Unrefined
from inspector.measure.patch import Patch, cut
from inspector.measure.smoothing import Floats, grown, smooth

COARSE_PIXELS: Final = 30_000
"""Most pixels of the coarse view; a larger box is averaged down."""

MARGIN_PX: Final = 16.0
MARGIN: Final = 0.35
"""The box is wider than the region by this part of its longer side, at least MARGIN_PX."""

CONFINED_PX: Final = 12.0
"""Where something runs out of the box, such as the joints of bricks behind a scratch of their
colour, a second try stays within this distance of the region of the map."""

CORE: Final = 0.2
"""The core is where the map is above this part of the way from the threshold to the peak."""

MIN_SURPRISE: Final = 1.2
"""Below, size stays with the map. Of rendered defects on gravel, brick and grass half were sized
to 20 % in length and 35 % in area between 1.5 and 2, a fifth between 1 and 1.5, 93 % above 10."""

SEED: Final = 1.5
"""A part counts where it surpasses the texture's own extreme by this factor."""

MAX_GROWTH: Final = 3.0
MIN_AREA_PX: Final = 2.0
MIN_SHARE: Final = 0.002
"""A refined area is refused above MAX_GROWTH regions of the map, and below MIN_AREA_PX or
MIN_SHARE regions: then something else was followed."""

HOT: Final = (0.25, 0.6)
"""Levels between mean and peak of a region that covers all of its surroundings."""

PEAK_PX: Final = 9
MAX_PEAKS: Final = 4
LEFT_OVER: Final = 6.0
"""A peak of the map, highest within PEAK_PX map pixels, is left over where nothing was found within
this many map pixels; at most MAX_PEAKS are looked at."""

LEFT_OVER_SURPRISE: Final = 3.0
"""The least surprise of what is found there: the region has been explained once already."""

TAKEN_PX: Final = 6.0
"""Frame pixels around what was found before that are not looked at again."""

_Result = tuple[Outline, ...] | Unrefined

_BORDER: Final = "it runs out of the box around its region"


def refine(
    image: Image,
    region: Region,
    anomaly_map: Map,
    to_frame: Affine,
    others: tuple[tuple[Points, ...], ...],
) -> tuple[Outline, ...] | Unrefined:
    """image: (H, W, 3) BGR. region: in map pixels. to_frame: map -> frame pixels. others: the
    outlines of the frame's other regions in frame pixels, which are not normal texture.

    A map swells, so one region may hold several defects: where a peak of the map is left over, it
    is looked at once more without what was found before.
    """
    task = _Task(image, region, anomaly_map, to_frame, others)
    first = _widening(task, None, ())
    if isinstance(first, Unrefined):
        return _hot(task) if first.reason == NO_RING else first
    found = list(first)
    for focus in _peaks(task):
        free = min(_distance(focus, outline) for outline in found)
        if free < LEFT_OVER * max(to_frame.scale_x, to_frame.scale_y):
            continue
        taken = tuple(outline.polygons for outline in found)
        more = _widening(task, (*focus, 0.6 * free), taken)
        if not isinstance(more, Unrefined):
            found += more
    if len(found) == 1:
        return first
    return tuple(replace(outline, parts=len(found)) for outline in found)


@dataclass(frozen=True, slots=True)
class _Task:
    image: Image
    region: Region
    anomaly_map: Map
    to_frame: Affine
    others: tuple[tuple[Points, ...], ...]

    @property
    def polygons(self) -> tuple[Points, ...]:
        """In frame pixels."""
        return tuple(self.to_frame.apply(p) for p in self.region.polygons)


_Focus = tuple[float, float, float]
"""Middle and radius, in frame pixels, of the part of the region that is looked at."""

_Polygons = tuple[tuple[Points, ...], ...]


def _hot(task: _Task) -> _Result:
    """For a region so swollen that it leaves no ring: its parts at higher levels of the map."""
    peak, mean = region_scores(task.anomaly_map, task.region)
    for share in HOT:
        level = mean + share * (peak - mean)
        parts = [r for r in find_regions(task.anomaly_map, level) if _within(r, task.region)]
        parts.sort(key=lambda part: -region_scores(task.anomaly_map, part)[0])
        outlines = [tuple(task.to_frame.apply(p) for p in part.polygons) for part in parts]
        found: list[Outline] = []
        for i, part in enumerate(parts[:MAX_PEAKS]):
            others = (*task.others, *outlines[:i], *outlines[i + 1 :])
            result = _widening(replace(task, region=part, others=others), None, ())
            if not isinstance(result, Unrefined):
                found += result
        if found:
            return tuple(replace(outline, parts=len(found)) for outline in found)
    return Unrefined(NO_RING)


def _within(part: Region, whole: Region) -> bool:
    x, y = part.polygons[0][0].tolist()
    return cv2.pointPolygonTest(whole.polygons[0].astype(np.float32), (x, y), False) >= 0


def _peaks(task: _Task) -> list[tuple[float, float]]:
    """Places of the region's local maxima in frame pixels, the highest first."""
    x0, y0 = np.floor(task.region.outer.min(axis=0)).astype(int).tolist()
    x1, y1 = np.ceil(task.region.outer.max(axis=0)).astype(int).tolist()
    values = np.ascontiguousarray(task.anomaly_map[y0:y1, x0:x1])
    inside = paint(task.region.polygons, (x0, y0, x0 + values.shape[1], y0 + values.shape[0]))
    around = cv2.dilate(values, np.ones((PEAK_PX, PEAK_PX), np.uint8))
    low, high = float(values[inside > 0].min()), float(values[inside > 0].max())
    peaks = (values == around) & (inside > 0) & (values >= low + CORE * (high - low))
    rows, columns = np.nonzero(peaks)
    order = np.argsort(-values[rows, columns])
    kept: list[Points] = []
    for place in np.column_stack((columns[order] + x0, rows[order] + y0)) + 0.5:
        # Neighbours of one height are one peak.
        if len(kept) < MAX_PEAKS and all(np.abs(place - k).max() > PEAK_PX / 2 for k in kept):
            kept.append(place)
    return [(float(x), float(y)) for x, y in task.to_frame.apply(np.array(kept).reshape(-1, 2))]


def _distance(place: tuple[float, float], outline: Outline) -> float:
    """Pixels from a place to the nearest vertex of an outline; 0 inside its box."""
    x0, y0, x1, y1 = shape.box(outline.outer)
    if x0 <= place[0] <= x1 and y0 <= place[1] <= y1:
        return 0.0
    return float(np.hypot(*(outline.outer - np.array(place)).T).min())


def _widening(task: _Task, focus: _Focus | None, taken: _Polygons) -> _Result:
    """Once freely, and once confined to the region where something runs out of the box."""
    polygons = task.polygons
    x0, y0, x1, y1 = shape.box(np.concatenate(polygons))
    margin = max(MARGIN_PX, MARGIN * max(x1 - x0, y1 - y0))
    coarse = cut(task.image, (x0 - margin, y0 - margin, x1 + margin, y1 + margin), COARSE_PIXELS)
    result: _Result = Unrefined(_BORDER)
    for confined in (False, True):
        result = _refine_within(task, coarse, focus, taken, confined)
        if not (isinstance(result, Unrefined) and result.reason == _BORDER):
            return _plausible(result, shape.region_area(polygons, task.region.holes))
    return result


def _refine_within(
    task: _Task, coarse: Patch, focus: _Focus | None, taken: _Polygons, confined: bool
) -> _Result:
    inside = coarse.paint(task.polygons)
    foreign = _painted(coarse, task.others) & ~inside
    ring = ~(inside | foreign)
    if ring.sum() < 0.1 * ring.size:
        return Unrefined(NO_RING)
    if taken:
        foreign |= grown(_painted(coarse, taken), TAKEN_PX / coarse.factor)
        inside &= ~foreign
    if focus is not None:
        inside &= coarse.disc(focus[:2], focus[2])
    if not inside.any():
        return Unrefined("its region is smaller than a pixel")
    support = ~foreign
    if confined:
        support &= grown(inside, CONFINED_PX / coarse.factor)
    core = core_of(coarse.sample(task.anomaly_map, task.to_frame), inside, CORE)
    flat = flatten(coarse.pixels, ring)
    cue = find_cue(flat, core, ring)
    if cue.surprise < (MIN_SURPRISE if focus is None else LEFT_OVER_SURPRISE):
        return Unrefined("it does not stand out from the texture around it")
    edge = _edge(flat, cue, core, ring, support)
    if edge is None:
        return Unrefined(NO_EDGE)
    cue = again(cue, flat, edge.mask, ring)
    edge = _edge(flat, cue, core, ring, support)
    if edge is None:
        return Unrefined(NO_EDGE)
    if coarse.touches_open_side(edge.mask):
        return Unrefined(_BORDER)
    return follow(task.image, coarse, cue, edge, (*task.others, *taken))


def _painted(patch: Patch, outlines: _Polygons) -> Mask:
    mask = np.zeros(patch.hw, dtype=bool)
    for polygons in outlines:
        mask |= patch.paint(polygons)
    return mask


def _edge(flat: Floats, cue: Cue, core: Core, ring: Mask, support: Mask) -> Edge | None:
    """Grown from where the core surpasses the texture's own extremes."""
    contrast = smooth(project(flat, cue), cue.kernel)
    peak = float(contrast[core.mask].max())
    least = max(SEED * extreme(contrast, ring), 0.5 * peak)
    seed = core.mask & (contrast >= min(least, peak))
    return find_edge(contrast, cue.kernel.spread, seed, support)


def _plausible(result: _Result, map_area: float) -> _Result:
    if isinstance(result, Unrefined):
        return result
    area = sum(shape.region_area(o.polygons, o.holes) for o in result)
    if area > MAX_GROWTH * map_area:
        return Unrefined("what stands out is much larger than its region of the map")
    if area < max(MIN_AREA_PX, MIN_SHARE * map_area):
        return Unrefined("what stands out is much smaller than its region of the map")
    return result
