"""Cuts the defects of one region out of its view, and outlines each."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from inspector.core.arrays import Image, Map, Mask
from inspector.core.geometry import Affine, Points
from inspector.measure import lines, shape
from inspector.measure.attached import find_attached_line
from inspector.measure.bulge import doubt_rest, find_branches
from inspector.measure.contours import MapRegion, paint
from inspector.measure.contrast import Core, Cue
from inspector.measure.outline import Outline, Unrefined
from inspector.measure.parts import (
    PLAIN,
    THIN_PX,
    get_hw,
    is_winding,
    leaves_rest,
    measure_extent,
    measure_radius,
    outline_part,
    outline_ridge,
    outline_thin,
    outline_winding,
)
from inspector.measure.patch import Patch, cut_patch
from inspector.measure.profiles import Source
from inspector.measure.ridge import fit_ridge
from inspector.measure.segments import (
    Contrast,
    choose_contrast,
    find_segments,
    measure_clearness,
    measure_contrast,
)
from inspector.measure.smoothing import find_quantile, grow_mask
from inspector.measure.texture import Texture, flatten, thin_out
from inspector.measure.unite import unite_touching

FINE_PIXELS: Final = 10_000
"""The same for the finer view around what was detected in the coarse view."""

TRUSTED_SURPRISE: Final = 4.0
"""Below this surprise a line along the region is preferred to what the coarse view shows."""

LEAST_CLEARNESS: Final = 1.5
"""Least contrast of a defect over the extreme of the texture. Below it the outline follows the
texture: with rendered defects most areas were wrong by a factor of more than 10."""

ATTACHED_RIDGE: Final = 15.0
"""Least clearness of the profile of a line that leaves a defect."""

ATTACHED_CLEARNESS: Final = 6.0
"""Below this clearness lines that leave a defect are searched separately."""

MAX_PARTS: Final = 6
"""Most defects of one region."""

LEAST_RING: Final = 0.1
"""Least share of a box that is normal texture."""

Refinement = tuple[Outline, ...] | Unrefined
"""Outlines of the defects of a region, or the reason why there are none."""

Line = Outline | Unrefined | None
"""The line along a region. None: the region is not long, or shows no line."""

RUNS_OUT: Final = "it runs out of the box around its region"
NO_RING: Final = "there is too little normal texture around it"
NO_EDGE: Final = "no edge was found around it"
HIDDEN_BRANCHES: Final = "it is wider than the line in it, and no branches were found"
SIMILAR: Final = "its pixels are too similar to the texture around it"


Other = tuple[tuple[float, float, float, float], tuple[Points, ...]]
"""Bounding box and polygons of another region of the frame, in frame pixels."""


@dataclass(frozen=True, slots=True)
class Task:
    image: Image
    region: MapRegion
    anomaly_map: Map
    to_frame: Affine
    others: tuple[Other, ...]

    @property
    def polygons(self) -> tuple[Points, ...]:
        """In frame pixels."""
        return tuple(self.to_frame.apply(p) for p in self.region.polygons)


@dataclass(frozen=True, slots=True)
class View:
    """A flattened patch with what is known about its pixels."""

    patch: Patch
    texture: Texture
    support: Mask


def refine_line(task: Task) -> Line:
    """Measures the line along a long region. None: the region is not long, or shows no line."""
    low = np.floor(task.region.outer.min(axis=0)).astype(int)
    high = np.ceil(task.region.outer.max(axis=0)).astype(int)
    mask = paint(task.region.polygons, (*low.tolist(), *high.tolist()))
    rows, columns = np.nonzero(mask)
    inside = task.to_frame.apply(np.column_stack((columns, rows)) + low + 0.5)
    source = Source(task.image, PLAIN)
    line = lines.find_line(source, task.polygons, inside)
    if line is None:
        return None
    hw = get_hw(task.image)
    ridge = fit_ridge(source, line.white, line.middle, line.width, hw)
    if ridge is None or ridge.width > THIN_PX:
        return None
    branched = find_branches(
        task.image, task.polygons, outline_ridge(ridge, hw, line.clearness), line.white
    )
    return Unrefined(HIDDEN_BRANCHES) if branched is None else branched


def cut_out(
    task: Task, view: View, core: Core, cue: Cue, find_line: Callable[[], Line]
) -> Refinement:
    """Cuts the defects out of the coarse view, and outlines each. find_line: refine_line()."""
    mask = np.zeros(view.patch.hw, dtype=bool)
    mask.flat[core.places] = True
    contrast = measure_contrast(view.texture, cue, cue.finest)
    segments = find_segments(contrast, mask, view.support)
    if not segments:
        return Unrefined(NO_EDGE)
    if any(view.patch.touches_open_side(segment) for segment in segments):
        return Unrefined(RUNS_OUT)
    line = None if _is_compact(view.patch, cue, segments[0]) else find_line()
    if isinstance(line, Unrefined):
        if cue.surprise < TRUSTED_SURPRISE:
            return line
        line = None
    if line is not None and (
        cue.surprise < TRUSTED_SURPRISE
        or not leaves_rest(
            view.patch,
            contrast,
            np.logical_or.reduce(segments),
            line.polygons[0],
            shape.area(line.polygons[0]) / shape.max_feret(line.polygons[0])[0],
        )
    ):
        return (line,)
    outlines: list[Outline] = []
    reason = SIMILAR
    known = np.zeros_like(mask)
    everything = np.logical_or.reduce(segments)
    for segment in segments[:MAX_PARTS]:
        if np.count_nonzero(segment & known) > 0.5 * np.count_nonzero(segment):
            continue
        rest = everything & ~segment
        closer = partial(_look_closer, task, view, segment, rest, cue, contrast)
        for outline in _outline_segment(task, view, segment, contrast, closer, cue.surprise):
            branched = find_branches(task.image, task.polygons, outline, contrast.colours.whitening)
            if branched is None:
                reason = HIDDEN_BRANCHES
                continue
            outlines.append(branched)
            if len(segments) > 1:
                known |= grow_mask(view.patch.paint(branched.polygons), 2.0)
    if not outlines:
        return Unrefined(reason)
    if contrast.clearness < ATTACHED_CLEARNESS:
        outlines += _find_attached(task, contrast, outlines[0], cue.surprise)
    outlines = doubt_rest(task.polygons, unite_touching(outlines))
    return tuple(replace(outline, parts=len(outlines)) for outline in outlines)


def _find_attached(
    task: Task, contrast: Contrast, outline: Outline, surprise: float
) -> list[Outline]:
    """Measures a line that leaves a defect, where the texture hides it from the coarse view."""
    white, source = contrast.colours.whitening, Source(task.image, PLAIN)
    line = find_attached_line(source, contrast.weights, outline.polygons[0])
    if line is None:
        return []
    hw = get_hw(task.image)
    ridge = fit_ridge(source, white, line, 4.0, hw, starts=False)
    if ridge is None or ridge.width > THIN_PX or ridge.clearness < ATTACHED_RIDGE:
        return []
    return [outline_ridge(ridge, hw, surprise)]


def _is_compact(patch: Patch, cue: Cue, segment: Mask) -> bool:
    """Whether a segment is clear, and too wide for a line."""
    length, width = measure_extent(segment)
    widest = THIN_PX / patch.factor + 2 * cue.finest
    return cue.surprise >= TRUSTED_SURPRISE and (width > widest or length < 3.2 * width)


def _outline_segment(
    task: Task,
    view: View,
    segment: Mask,
    contrast: Contrast,
    closer: Callable[[], tuple[Patch, list[Mask], Contrast]],
    surprise: float,
) -> list[Outline]:
    """Outlines of the defects in one segment of the coarse view. closer: cuts the finer view."""
    tried = False
    if view.patch.factor > 1:
        radius = measure_radius(segment) * view.patch.factor
        line = outline_thin(task.image, view.patch, contrast, segment, radius, surprise)
        tried = is_winding(view.patch, segment, radius)
        if line is None:
            line = outline_winding(task.image, view.patch, contrast, segment, radius, surprise)
        if line is not None:
            return [line]
    patch, masks, sharper = closer()
    outlines = (
        outline_part(task.image, patch, sharper, part, surprise, winding=not tried)
        for part in masks
        if measure_clearness(sharper, part) >= LEAST_CLEARNESS
    )
    return [outline for outline in outlines if outline is not None]


def _look_closer(
    task: Task, view: View, segment: Mask, beside: Mask, cue: Cue, contrast: Contrast
) -> tuple[Patch, list[Mask], Contrast]:
    """Cuts a segment of the coarse view out of a finer view. beside: the other segments."""
    coarse = view.patch
    if coarse.factor == 1:
        return coarse, [segment], contrast
    rows, columns = np.flatnonzero(segment.any(axis=1)), np.flatnonzero(segment.any(axis=0))
    corners = np.array(((columns[0], rows[0]), (columns[-1] + 1, rows[-1] + 1)), dtype=np.float64)
    (x0, y0), (x1, y1) = coarse.to_frame.apply(corners)
    pad = max(0.5 * max(x1 - x0, y1 - y0), 4 * cue.sigma * coarse.factor, 12.0)
    fine = cut_patch(task.image, (x0 - pad, y0 - pad, x1 + pad, y1 + pad), FINE_PIXELS)
    scale = coarse.factor / fine.factor
    mask = fine.sample(segment.astype(np.float32), coarse.to_frame) >= 0.3
    others = fine.sample(beside.astype(np.float32), coarse.to_frame) >= 0.3
    foreign = fine.sample((~view.support).astype(np.float32), coarse.to_frame) >= 0.5
    ring = ~(grow_mask(mask | others, 2 * cue.sigma * scale + 2) | foreign)
    if np.count_nonzero(ring) < LEAST_RING * ring.size:
        return coarse, [segment], contrast
    flatten(fine.pixels, ring)
    scaled = replace(cue, sigma=cue.sigma * scale, finest=cue.finest * scale)
    sharper = choose_contrast(Texture(fine.pixels, ring), _recolour(scaled, fine, mask))
    return fine, find_segments(sharper, mask, ~foreign), sharper


def _recolour(cue: Cue, view: Patch, mask: Mask) -> Cue:
    """Replaces the colour of the cue by the mean colour of a mask, where it differs like the
    cue."""
    pixels = view.pixels.reshape(-1, 3)[thin_out(np.flatnonzero(mask))]
    if not len(pixels):
        return cue
    along = pixels @ cue.step
    highest = find_quantile(along, 0.97)
    if highest <= 0:
        return cue
    return replace(cue, step=pixels[along >= 0.5 * highest].mean(axis=0))
