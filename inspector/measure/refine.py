"""The same defect at the resolution of the frame: its half-way edge against the texture around it.

An anomaly map tells where a defect is, but swells around it. Here the texture in a ring around the
region is taken as normal; what differs from it most, in colour, is followed from a coarse view to
the finest smoothing at which it still stands out, and contoured half-way between defect and
surroundings.
"""

from dataclasses import dataclass, replace
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
from inspector.measure.edges import Edge, find_edge, inscribed_radius, smoothed, touching
from inspector.measure.outline import Outline, outlines
from inspector.measure.patch import Patch, cut
from inspector.measure.smoothing import ANGLES, ROUND, Floats, Kernel, angles_near, grown, smooth

COARSE_PIXELS: Final = 30_000
FINE_PIXELS: Final = 250_000
MARGIN_PX: Final = 16.0
MARGIN: Final = 0.35
"""The box is wider than the region by this part of its longer side, at least MARGIN_PX."""

WIDENED: Final = 2
"""How often the margin is doubled for a defect that runs out of the box."""

CORE: Final = 0.2
"""The core is where the map is above this part of the way from the threshold to the peak."""

MIN_SURPRISE: Final = 1.2
MIN_SNR: Final = 4.0
"""Contrast over the texture's own spread, down to which a finer smoothing is trusted."""

SEED: Final = 1.5
"""A part counts where it surpasses the texture's own extreme by this factor."""

THIN: Final = 5.0
"""Length over twice the inscribed radius from where a defect is smoothed along itself."""

ALONG: Final = (4.0, 8.0, 16.0)
CONFINED_PX: Final = 12.0
SMOOTHING: Final = 0.45
FINEST: Final = 0.1

BAND: Final = 0.6
"""How far a finer edge may lie outside the coarser one, in sigmas of the coarser smoothing."""

MAX_GROWTH: Final = 3.0
MIN_AREA_PX: Final = 2.0
MIN_SHARE: Final = 0.002
"""A refined area is refused above MAX_GROWTH regions of the map, and below MIN_AREA_PX or
MIN_SHARE regions: then something else was followed."""

_NO_EDGE: Final = "no edge was found around it"
_BORDER: Final = "it runs out of the box around its region"


@dataclass(frozen=True, slots=True)
class Unrefined:
    """reason: half a sentence for the report."""

    reason: str


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
        return Unrefined("there is too little normal texture around it")
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
        return Unrefined(_NO_EDGE)
    cue = again(cue, flat, edge.mask, ring)
    edge = _edge(flat, cue, core, ring, support)
    if edge is None:
        return Unrefined(_NO_EDGE)
    if coarse.touches_open_side(edge.mask):
        return Unrefined(_BORDER)
    return _follow(image, coarse, cue, edge, others)


def _edge(flat: Floats, cue: Cue, core: Core, ring: Mask, support: Mask) -> Edge | None:
    """Grown from where the core surpasses the texture's own extremes."""
    contrast = smooth(project(flat, cue), cue.kernel)
    peak = float(contrast[core.mask].max())
    least = max(SEED * extreme(contrast, ring), 0.5 * peak)
    seed = core.mask & (contrast >= min(least, peak))
    return find_edge(contrast, cue.kernel.spread, seed, support)


def _follow(
    image: Image,
    coarse: Patch,
    cue: Cue,
    edge: Edge,
    others: tuple[tuple[Points, ...], ...],
) -> tuple[Outline, ...] | Unrefined:
    """From the coarse edge to the finest one that the texture allows."""
    kernel = cue.kernel.scaled(coarse.factor)
    rows, columns = np.flatnonzero(edge.mask.any(axis=1)), np.flatnonzero(edge.mask.any(axis=0))
    corners = np.array(((columns[0], rows[0]), (columns[-1] + 1, rows[-1] + 1)), dtype=np.float64)
    pad = 4 * kernel.across + 8
    (x0, y0), (x1, y1) = coarse.to_frame.apply(corners)
    fine = cut(image, (x0 - pad, y0 - pad, x1 + pad, y1 + pad), FINE_PIXELS)
    mask = fine.sample(edge.mask.astype(np.float32), coarse.to_frame) >= 0.5
    foreign = np.zeros_like(mask)
    for other in others:
        foreign |= fine.paint(other)
    kernel = kernel.scaled(1 / fine.factor)
    ring = ~(grown(mask, 2 * kernel.across + 2) | foreign)
    if ring.sum() < 200 or not mask.any():
        return Unrefined("there is too little normal texture around it")
    plain = flatten(project(fine.pixels, cue)[..., None], ring)[..., 0]
    scales, angles = _scales(kernel, mask)
    best: tuple[Edge, Floats] | None = None
    for across in scales:
        seen = _seen(plain, across, angles, ring, None if best is None else best[0].amplitude)
        if seen is None:
            break
        step, contrast = seen
        support = grown(mask, BAND * kernel.across + 1) & ~foreign
        found = find_edge(contrast, step.spread, mask, support, touching(mask & support, mask))
        if found is None:
            break
        mask = smoothed(found.mask, SMOOTHING)
        best, kernel = (replace(found, mask=mask), contrast), step
        if across < FINEST * inscribed_radius(mask):
            break
    if best is None:
        return Unrefined(_NO_EDGE)
    return tuple(outlines(fine, *best, cue.surprise)) or Unrefined(_NO_EDGE)


def _seen(
    plain: Floats, across: float, angles: tuple[int, ...], ring: Mask, amplitude: float | None
) -> tuple[Kernel, Floats] | None:
    """The contrast through the shortest kernel of that width that calms the texture enough."""
    lengths = (across, *(a for a in ALONG if a > across)) if angles else (across,)
    for along in lengths:
        kernel = Kernel(across, along)
        contrast = smooth(plain, kernel, angles)
        around = contrast[ring]
        middle = float(np.median(around))
        noise = 1.4826 * float(np.median(np.abs(around - middle)))
        if amplitude is None or amplitude >= MIN_SNR * noise:
            return kernel, contrast - np.float32(0.0 if kernel.line else middle)
    return None


def _scales(kernel: Kernel, mask: Mask) -> tuple[list[float], tuple[int, ...]]:
    """Widths of smoothing from coarse to fine, and the directions of lines, none for what is not
    thin. Unless it is bent, a thin defect is smoothed along its own direction only."""
    finer = [k.across for k in ROUND[::-1] if k.across < 0.8 * kernel.across]
    length, width, direction = _calipers(mask)
    if length < THIN * 2 * inscribed_radius(mask):
        return [kernel.across, *finer], ()
    return [kernel.across, *finer], angles_near(direction, 25.0) if 4 * width < length else ANGLES


def _calipers(mask: Mask) -> tuple[float, float, float]:
    points = np.argwhere(mask)[:, ::-1].astype(np.float64)
    length, direction = shape.max_feret(points)
    return length + 1, shape.min_feret(points) + 1, direction


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
