"""From a coarse edge to the finest one that the texture allows."""

from dataclasses import replace
from typing import Final

import numpy as np

from inspector.core.arrays import Image, Mask
from inspector.core.geometry import Points
from inspector.measure import shape
from inspector.measure.contrast import Cue, flatten, project
from inspector.measure.edges import Edge, find_edge, inscribed_radius, smoothed, touching, trimmed
from inspector.measure.outline import Outline, Unrefined, outlines
from inspector.measure.patch import Patch, cut
from inspector.measure.smoothing import ANGLES, ROUND, Floats, Kernel, angles_near, grown, smooth

FINE_PIXELS: Final = 250_000
"""Most pixels of the fine view; a larger box is averaged down."""

MIN_SNR: Final = 4.0
"""Contrast over the texture's own spread, down to which a finer smoothing is trusted."""

BAND: Final = 0.6
"""How far a finer edge may lie outside the coarser one, in sigmas of the coarser smoothing."""

SMOOTHING: Final = 0.45
"""Threads narrower than about this part of a round defect's radius are texture, not defect."""

FINEST: Final = 0.1
"""Smoothing much finer than the defect shows the texture's edges, not the defect's: it ends at
this part of the inscribed radius."""

THIN: Final = 5.0
"""Length over twice the inscribed radius from where a defect may be smoothed along itself."""

ALONG: Final = (4.0, 8.0, 16.0)
"""Standard deviations tried for that, in pixels."""

STRAIGHT: Final = 4.0
"""Length over width from where only lines along the defect count, to REACH degrees."""

REACH: Final = 25.0
LEAST_RING: Final = 200

NO_EDGE: Final = "no edge was found around it"
NO_RING: Final = "there is too little normal texture around it"


def follow(
    image: Image,
    coarse: Patch,
    cue: Cue,
    edge: Edge,
    others: tuple[tuple[Points, ...], ...],
) -> tuple[Outline, ...] | Unrefined:
    """edge: on the coarse patch. others: outlines of other regions, in frame pixels."""
    fine = _around(image, coarse, edge.mask, 4 * cue.kernel.across * coarse.factor + 8)
    kernel = cue.kernel.scaled(coarse.factor / fine.factor)
    mask = fine.sample(edge.mask.astype(np.float32), coarse.to_frame) >= 0.5
    foreign = np.zeros_like(mask)
    for other in others:
        foreign |= fine.paint(other)
    ring = ~(grown(mask, 2 * kernel.across + 2) | foreign)
    if ring.sum() < LEAST_RING or not mask.any():
        return Unrefined(NO_RING)
    plain = flatten(project(fine.pixels, cue)[..., None], ring)[..., 0]
    best = _descend(plain, kernel, mask, ring, ~foreign)
    if best is None:
        return Unrefined(NO_EDGE)
    return tuple(outlines(fine, *best, cue.surprise)) or Unrefined(NO_EDGE)


def _around(image: Image, coarse: Patch, mask: Mask, pad: float) -> Patch:
    """The frame around a mask of the coarse patch; pad: in frame pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    corners = np.array(((columns[0], rows[0]), (columns[-1] + 1, rows[-1] + 1)), dtype=np.float64)
    (x0, y0), (x1, y1) = coarse.to_frame.apply(corners)
    return cut(image, (x0 - pad, y0 - pad, x1 + pad, y1 + pad), FINE_PIXELS)


def _descend(
    plain: Floats, kernel: Kernel, mask: Mask, ring: Mask, free: Mask
) -> tuple[Edge, Floats] | None:
    """The last edge, with its contrast, before the texture drowns the defect; each is sought
    around the one before."""
    scales, angles = _scales(kernel, mask)
    best: tuple[Edge, Floats] | None = None
    band = BAND * kernel.across + 1
    for across in scales:
        seen = _seen(plain, across, angles, ring, None if best is None else best[0].amplitude)
        if seen is None:
            break
        step, contrast = seen
        support = grown(mask, band) & free
        found = find_edge(contrast, step.spread, mask, support, touching(mask & support, mask))
        if found is None:
            break
        mask = trimmed(found.mask) if angles else smoothed(found.mask, SMOOTHING)
        band = BAND * across + 1
        best = replace(found, mask=mask), contrast
        if across < FINEST * inscribed_radius(mask):
            break
    return best


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
    return [kernel.across, *finer], _directions(length, width, direction)


def _directions(length: float, width: float, direction: float) -> tuple[int, ...]:
    return angles_near(direction, REACH) if STRAIGHT * width < length else ANGLES


def _calipers(mask: Mask) -> tuple[float, float, float]:
    points = np.argwhere(mask)[:, ::-1].astype(np.float64)
    length, direction = shape.max_feret(points)
    return length + 1, shape.min_feret(points) + 1, direction
