"""Measures a region of the anomaly map at the resolution of the frame.

An anomaly map shows where a defect is, but the region on the map is larger than the defect. The
texture in a ring around the region counts as normal. The part that differs most from it in colour
is followed from a coarse view to the finest smoothing at which it still differs. Its outline runs
half-way between the values of the defect and of the texture.
"""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from inspector.core.arrays import Image, Map, Mask
from inspector.core.geometry import Affine, Points
from inspector.measure import shape
from inspector.measure.contours import MapRegion, find_regions, paint, score_region
from inspector.measure.contrast import (
    Core,
    Cue,
    find_core,
    find_cue,
    flatten,
    measure_extreme,
    project,
    recolour_cue,
)
from inspector.measure.edges import Edge, find_edge
from inspector.measure.follow import NO_EDGE, NO_RING, follow_edge
from inspector.measure.outline import Outline, Unrefined
from inspector.measure.patch import Patch, cut_patch
from inspector.measure.smoothing import Float32Array, grow_mask, smooth

COARSE_PIXELS: Final = 30_000
"""Largest number of pixels of the coarse view. A larger box is averaged down."""

MARGIN_PX: Final = 16.0
MARGIN_SHARE: Final = 0.35
"""Margin of the box around the region, as a share of its longer side; at least MARGIN_PX."""

CONFINED_PX: Final = 12.0
"""Distance in frame pixels from the region. If the edge runs out of the box, a second try stays
within this distance. Example: a scratch has the colour of the joints between bricks."""

CORE_SHARE: Final = 0.2
"""The core begins at this share of the way from the lowest to the highest value of the region."""

MIN_SURPRISE: Final = 1.2
"""Below this surprise a region keeps its size on the map. Measured with rendered defects on gravel,
brick and grass, as the share with errors below 20 % in length and 35 % in area: one fifth for a
surprise of 1 to 1.5, one half for 1.5 to 2, 93 % above 10."""

SEED_FACTOR: Final = 1.5
"""The edge grows from pixels whose contrast is above the texture's extreme by this factor."""

MAX_GROWTH: Final = 3.0
MIN_AREA_PX: Final = 2.0
MIN_SHARE: Final = 0.002
"""A refined area is refused above MAX_GROWTH times the area on the map, below MIN_SHARE times that
area, and below MIN_AREA_PX. Then something other than the defect was followed."""

HOT_SHARES: Final = (0.25, 0.6)
"""Levels for a region that leaves no ring, as shares of the way from its mean to its peak."""

PEAK_PX: Final = 9
MAX_PEAKS: Final = 4
LEFT_OVER_PX: Final = 6.0
"""A peak of the map is the highest value within PEAK_PX map pixels. If no defect was found within
LEFT_OVER_PX map pixels of a peak, a defect is searched there. At most MAX_PEAKS are tried."""

LEFT_OVER_SURPRISE: Final = 3.0
"""Least surprise of a defect at such a peak. It is higher, because a defect is known already."""

KNOWN_PX: Final = 6.0
"""Frame pixels around the known defects that a further search leaves out."""

_Refinement = tuple[Outline, ...] | Unrefined

_RUNS_OUT: Final = "it runs out of the box around its region"


def refine(
    image: Image,
    region: MapRegion,
    anomaly_map: Map,
    to_frame: Affine,
    others: tuple[tuple[Points, ...], ...],
) -> tuple[Outline, ...] | Unrefined:
    """Finds the defects of one region on the frame.

    image: (H, W, 3) BGR. region: in map pixels. to_frame: map -> frame pixels. others: outlines of
    the frame's other regions in frame pixels, which are not normal texture.

    One region may hold several defects, because it is larger than they are. Each peak of the map
    without a defect is searched once more, without the defects that are known.
    """
    task = _Task(image, region, anomaly_map, to_frame, others)
    first = _refine_in_box(task, None, ())
    if isinstance(first, Unrefined):
        return _refine_hot_parts(task) if first.reason == NO_RING else first
    outlines = list(first)
    for focus in _find_peaks(task):
        free = min(_measure_distance(focus, outline) for outline in outlines)
        if free < LEFT_OVER_PX * max(to_frame.scale_x, to_frame.scale_y):
            continue
        known = tuple(outline.polygons for outline in outlines)
        more = _refine_in_box(task, (*focus, 0.6 * free), known)
        if not isinstance(more, Unrefined):
            outlines += more
    if len(outlines) == 1:
        return first
    return tuple(replace(outline, parts=len(outlines)) for outline in outlines)


@dataclass(frozen=True, slots=True)
class _Task:
    image: Image
    region: MapRegion
    anomaly_map: Map
    to_frame: Affine
    others: tuple[tuple[Points, ...], ...]

    @property
    def polygons(self) -> tuple[Points, ...]:
        """In frame pixels."""
        return tuple(self.to_frame.apply(p) for p in self.region.polygons)


_Focus = tuple[float, float, float]
"""x, y and radius, in frame pixels, of the part of the region that is searched."""

_Outlines = tuple[tuple[Points, ...], ...]


def _refine_hot_parts(task: _Task) -> _Refinement:
    """Refines the parts of a region at higher levels of the map, if the region leaves no ring."""
    peak, mean = score_region(task.anomaly_map, task.region)
    for share in HOT_SHARES:
        level = mean + share * (peak - mean)
        parts = [r for r in find_regions(task.anomaly_map, level) if _is_within(r, task.region)]
        parts.sort(key=lambda part: -score_region(task.anomaly_map, part)[0])
        polygons = [tuple(task.to_frame.apply(p) for p in part.polygons) for part in parts]
        outlines: list[Outline] = []
        for i, part in enumerate(parts[:MAX_PEAKS]):
            others = (*task.others, *polygons[:i], *polygons[i + 1 :])
            result = _refine_in_box(replace(task, region=part, others=others), None, ())
            if not isinstance(result, Unrefined):
                outlines += result
        if outlines:
            return tuple(replace(outline, parts=len(outlines)) for outline in outlines)
    return Unrefined(NO_RING)


def _is_within(part: MapRegion, region: MapRegion) -> bool:
    x, y = part.polygons[0][0].tolist()
    return cv2.pointPolygonTest(region.polygons[0].astype(np.float32), (x, y), False) >= 0


def _find_peaks(task: _Task) -> list[tuple[float, float]]:
    """Finds the local maxima of the region, the highest first. In frame pixels."""
    x0, y0 = np.floor(task.region.outer.min(axis=0)).astype(int).tolist()
    x1, y1 = np.ceil(task.region.outer.max(axis=0)).astype(int).tolist()
    values = np.ascontiguousarray(task.anomaly_map[y0:y1, x0:x1])
    inside = paint(task.region.polygons, (x0, y0, x0 + values.shape[1], y0 + values.shape[0]))
    around = cv2.dilate(values, np.ones((PEAK_PX, PEAK_PX), np.uint8))
    low, high = float(values[inside > 0].min()), float(values[inside > 0].max())
    peaks = (values == around) & (inside > 0) & (values >= low + CORE_SHARE * (high - low))
    rows, columns = np.nonzero(peaks)
    order = np.argsort(-values[rows, columns])
    places: list[Points] = []
    for place in np.column_stack((columns[order] + x0, rows[order] + y0)) + 0.5:
        # Neighbours with the same value are one peak.
        if len(places) < MAX_PEAKS and all(np.abs(place - k).max() > PEAK_PX / 2 for k in places):
            places.append(place)
    return [(float(x), float(y)) for x, y in task.to_frame.apply(np.array(places).reshape(-1, 2))]


def _measure_distance(place: tuple[float, float], outline: Outline) -> float:
    """Pixels from a point to the nearest vertex of an outline; 0 inside its box."""
    x0, y0, x1, y1 = shape.bounding_box(outline.outer)
    if x0 <= place[0] <= x1 and y0 <= place[1] <= y1:
        return 0.0
    return float(np.hypot(*(outline.outer - np.array(place)).T).min())


def _refine_in_box(task: _Task, focus: _Focus | None, known: _Outlines) -> _Refinement:
    """Searches the box around the region. If the edge runs out of it, searches near the region."""
    polygons = task.polygons
    x0, y0, x1, y1 = shape.bounding_box(np.concatenate(polygons))
    margin = max(MARGIN_PX, MARGIN_SHARE * max(x1 - x0, y1 - y0))
    coarse = cut_patch(
        task.image, (x0 - margin, y0 - margin, x1 + margin, y1 + margin), COARSE_PIXELS
    )
    result: _Refinement = Unrefined(_RUNS_OUT)
    for confined in (False, True):
        result = _refine_within(task, coarse, focus, known, confined)
        if not (isinstance(result, Unrefined) and result.reason == _RUNS_OUT):
            return _check_area(result, shape.region_area(polygons, task.region.holes))
    return result


def _refine_within(
    task: _Task, coarse: Patch, focus: _Focus | None, known: _Outlines, confined: bool
) -> _Refinement:
    inside = coarse.paint(task.polygons)
    foreign = _paint_all(coarse, task.others) & ~inside
    ring = ~(inside | foreign)
    if ring.sum() < 0.1 * ring.size:
        return Unrefined(NO_RING)
    if known:
        foreign |= grow_mask(_paint_all(coarse, known), KNOWN_PX / coarse.factor)
        inside &= ~foreign
    if focus is not None:
        inside &= coarse.draw_disc(focus[:2], focus[2])
    if not inside.any():
        return Unrefined("its region is smaller than a pixel")
    support = ~foreign
    if confined:
        support &= grow_mask(inside, CONFINED_PX / coarse.factor)
    core = find_core(coarse.sample(task.anomaly_map, task.to_frame), inside, CORE_SHARE)
    flat = flatten(coarse.pixels, ring)
    cue = find_cue(flat, core, ring)
    if cue.surprise < (MIN_SURPRISE if focus is None else LEFT_OVER_SURPRISE):
        return Unrefined("its pixels are too similar to the texture around it")
    edge = _find_seeded_edge(flat, cue, core, ring, support)
    if edge is None:
        return Unrefined(NO_EDGE)
    cue = recolour_cue(cue, flat, edge.mask, ring)
    edge = _find_seeded_edge(flat, cue, core, ring, support)
    if edge is None:
        return Unrefined(NO_EDGE)
    if coarse.touches_open_side(edge.mask):
        return Unrefined(_RUNS_OUT)
    return follow_edge(task.image, coarse, cue, edge, (*task.others, *known))


def _paint_all(patch: Patch, outlines: _Outlines) -> Mask:
    mask = np.zeros(patch.hw, dtype=bool)
    for polygons in outlines:
        mask |= patch.paint(polygons)
    return mask


def _find_seeded_edge(
    flat: Float32Array, cue: Cue, core: Core, ring: Mask, support: Mask
) -> Edge | None:
    """Finds the edge that grows from the pixels of the core with extreme contrast."""
    contrast = smooth(project(flat, cue), cue.kernel)
    peak = float(contrast[core.mask].max())
    least = max(SEED_FACTOR * measure_extreme(contrast, ring), 0.5 * peak)
    seed = core.mask & (contrast >= min(least, peak))
    return find_edge(contrast, cue.kernel.spread, seed, support)


def _check_area(result: _Refinement, map_area: float) -> _Refinement:
    if isinstance(result, Unrefined):
        return result
    area = sum(shape.region_area(o.polygons, o.holes) for o in result)
    if area > MAX_GROWTH * map_area:
        return Unrefined("the area with contrast is much larger than its region of the map")
    if area < max(MIN_AREA_PX, MIN_SHARE * map_area):
        return Unrefined("the area with contrast is much smaller than its region of the map")
    return result
