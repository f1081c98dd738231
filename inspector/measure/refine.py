"""The same defect at the resolution of the frame: its half-way edge against the texture around it.

An anomaly map tells where a defect is, but swells around it. Here the texture in a ring around the
region is taken as normal; what differs from it most, in colour, is followed from a coarse view to
the finest smoothing at which it still stands out, and contoured half-way between defect and
surroundings.
"""

from typing import Final

import numpy as np

from inspector.core.arrays import Image, Map, Mask
from inspector.core.geometry import Affine, Points
from inspector.measure import shape
from inspector.measure.contours import Region
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

_BORDER: Final = "it runs out of the box around its region"


def refine(
    image: Image,
    region: Region,
    anomaly_map: Map,
    to_frame: Affine,
    others: tuple[tuple[Points, ...], ...],
) -> tuple[Outline, ...] | Unrefined:
    """image: (H, W, 3) BGR. region: in map pixels. to_frame: map -> frame pixels. others: the
    outlines of the frame's other regions in frame pixels, which are not normal texture."""
    polygons = tuple(to_frame.apply(p) for p in region.polygons)
    x0, y0, x1, y1 = shape.box(np.concatenate(polygons))
    margin = max(MARGIN_PX, MARGIN * max(x1 - x0, y1 - y0))
    result: tuple[Outline, ...] | Unrefined = Unrefined(_BORDER)
    for confined in (False, True):
        around = (x0 - margin, y0 - margin, x1 + margin, y1 + margin)
        coarse = cut(image, around, COARSE_PIXELS)
        result = _refine_within(image, coarse, polygons, anomaly_map, to_frame, others, confined)
        if not (isinstance(result, Unrefined) and result.reason == _BORDER):
            return _plausible(result, shape.region_area(polygons, region.holes))
    return result


def _refine_within(
    image: Image,
    coarse: Patch,
    polygons: tuple[Points, ...],
    anomaly_map: Map,
    to_frame: Affine,
    others: tuple[tuple[Points, ...], ...],
    confined: bool,
) -> tuple[Outline, ...] | Unrefined:
    inside = coarse.paint(polygons)
    foreign = np.zeros_like(inside)
    for other in others:
        foreign |= coarse.paint(other)
    foreign &= ~inside
    ring = ~(inside | foreign)
    if ring.sum() < 0.1 * ring.size:
        return Unrefined(NO_RING)
    if not inside.any():
        return Unrefined("its region is smaller than a pixel")
    core = core_of(coarse.sample(anomaly_map, to_frame), inside, CORE)
    support = ~foreign
    if confined:
        support &= grown(inside, CONFINED_PX / coarse.factor)
    flat = flatten(coarse.pixels, ring)
    cue = find_cue(flat, core, ring)
    if cue.surprise < MIN_SURPRISE:
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
    return follow(image, coarse, cue, edge, others)


def _edge(flat: Floats, cue: Cue, core: Core, ring: Mask, support: Mask) -> Edge | None:
    """Grown from where the core surpasses the texture's own extremes."""
    contrast = smooth(project(flat, cue), cue.kernel)
    peak = float(contrast[core.mask].max())
    least = max(SEED * extreme(contrast, ring), 0.5 * peak)
    seed = core.mask & (contrast >= min(least, peak))
    return find_edge(contrast, cue.kernel.spread, seed, support)


def _plausible(
    result: tuple[Outline, ...] | Unrefined, map_area: float
) -> tuple[Outline, ...] | Unrefined:
    if isinstance(result, Unrefined):
        return result
    area = sum(shape.region_area(o.polygons, o.holes) for o in result)
    if area > MAX_GROWTH * map_area:
        return Unrefined("what stands out is much larger than its region of the map")
    if area < max(MIN_AREA_PX, MIN_SHARE * map_area):
        return Unrefined("what stands out is much smaller than its region of the map")
    return result
