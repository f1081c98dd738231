"""Follows a coarse edge to the finest smoothing that the texture allows."""

from dataclasses import replace
from typing import Final

import numpy as np

from inspector.core.arrays import Image, Mask
from inspector.core.geometry import Points
from inspector.measure import shape
from inspector.measure.contrast import Cue, flatten, project
from inspector.measure.edges import (
    Edge,
    find_edge,
    inscribed_radius,
    keep_touching,
    smooth_mask,
    trim_mask,
)
from inspector.measure.outline import Outline, Unrefined, make_outlines
from inspector.measure.patch import Patch, cut_patch
from inspector.measure.smoothing import (
    ANGLES,
    ROUND,
    Float32Array,
    Kernel,
    choose_angles,
    grow_mask,
    smooth,
)

FINE_PIXELS: Final = 250_000
"""Largest number of pixels of the fine view. A larger box is averaged down."""

MIN_SNR: Final = 4.0
"""Least ratio of the contrast to the texture's spread. Below it no finer smoothing is used."""

BAND_SIGMAS: Final = 0.6
"""How far a finer edge may be outside the coarser edge, in sigmas of the coarser smoothing."""

THREAD_SHARE: Final = 0.45
"""Threads narrower than about this share of a round defect's radius are texture, not defect."""

FINEST_SHARE: Final = 0.1
"""Finest smoothing, as a share of the inscribed radius. A finer one would show the edges of the
texture, not of the defect."""

THIN_RATIO: Final = 5.0
"""Length over twice the inscribed radius. Above it a defect is smoothed with line kernels."""

LINE_SIGMAS: Final = (4.0, 8.0, 16.0)
"""Standard deviations of the line kernels along the line, in pixels."""

STRAIGHT_RATIO: Final = 4.0
"""Length over width. Above it only lines along the defect are tried, to within REACH_DEGREES."""

REACH_DEGREES: Final = 25.0
LEAST_RING: Final = 200
"""Least number of pixels of normal texture."""

NO_EDGE: Final = "no edge was found around it"
NO_RING: Final = "there is too little normal texture around it"


def follow_edge(
    image: Image,
    coarse: Patch,
    cue: Cue,
    edge: Edge,
    others: tuple[tuple[Points, ...], ...],
) -> tuple[Outline, ...] | Unrefined:
    """Follows an edge of the coarse patch. others: outlines of other regions, in frame pixels."""
    fine = _cut_around(image, coarse, edge.mask, 4 * cue.kernel.across * coarse.factor + 8)
    kernel = cue.kernel.scaled(coarse.factor / fine.factor)
    mask = fine.sample(edge.mask.astype(np.float32), coarse.to_frame) >= 0.5
    foreign = np.zeros_like(mask)
    for other in others:
        foreign |= fine.paint(other)
    ring = ~(grow_mask(mask, 2 * kernel.across + 2) | foreign)
    if ring.sum() < LEAST_RING or not mask.any():
        return Unrefined(NO_RING)
    plain = flatten(project(fine.pixels, cue)[..., None], ring)[..., 0]
    best = _descend(plain, kernel, mask, ring, ~foreign)
    if best is None:
        return Unrefined(NO_EDGE)
    return tuple(make_outlines(fine, *best, cue.surprise)) or Unrefined(NO_EDGE)


def _cut_around(image: Image, coarse: Patch, mask: Mask, pad: float) -> Patch:
    """Cuts the frame around a mask of the coarse patch. pad: in frame pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    corners = np.array(((columns[0], rows[0]), (columns[-1] + 1, rows[-1] + 1)), dtype=np.float64)
    (x0, y0), (x1, y1) = coarse.to_frame.apply(corners)
    return cut_patch(image, (x0 - pad, y0 - pad, x1 + pad, y1 + pad), FINE_PIXELS)


def _descend(
    plain: Float32Array, kernel: Kernel, mask: Mask, ring: Mask, free: Mask
) -> tuple[Edge, Float32Array] | None:
    """Finds the edge at finer and finer smoothing, each near the one before. Returns the last edge
    that the texture does not hide, with its contrast."""
    scales, angles = _choose_scales(kernel, mask)
    best: tuple[Edge, Float32Array] | None = None
    band = BAND_SIGMAS * kernel.across + 1
    for across in scales:
        amplitude = None if best is None else best[0].amplitude
        smoothing = _choose_length(plain, across, angles, ring, amplitude)
        if smoothing is None:
            break
        step, contrast = smoothing
        support = grow_mask(mask, band) & free
        edge = find_edge(contrast, step.spread, mask, support, keep_touching(mask & support, mask))
        if edge is None:
            break
        mask = trim_mask(edge.mask) if angles else smooth_mask(edge.mask, THREAD_SHARE)
        band = BAND_SIGMAS * across + 1
        best = replace(edge, mask=mask), contrast
        if across < FINEST_SHARE * inscribed_radius(mask):
            break
    return best


def _choose_length(
    plain: Float32Array, across: float, angles: tuple[int, ...], ring: Mask, amplitude: float | None
) -> tuple[Kernel, Float32Array] | None:
    """Smooths with the shortest kernel of that width that makes the texture weak enough. Returns
    the kernel and the contrast."""
    lengths = (across, *(a for a in LINE_SIGMAS if a > across)) if angles else (across,)
    for along in lengths:
        kernel = Kernel(across, along)
        contrast = smooth(plain, kernel, angles)
        around = contrast[ring]
        middle = float(np.median(around))
        noise = 1.4826 * float(np.median(np.abs(around - middle)))
        if amplitude is None or amplitude >= MIN_SNR * noise:
            return kernel, contrast - np.float32(0.0 if kernel.line else middle)
    return None


def _choose_scales(kernel: Kernel, mask: Mask) -> tuple[list[float], tuple[int, ...]]:
    """Widths of smoothing from coarse to fine, and directions of lines. There are no directions for
    a defect that is not thin. A thin, straight defect is smoothed only along its direction."""
    finer = [k.across for k in ROUND[::-1] if k.across < 0.8 * kernel.across]
    length, width, direction = _measure_calipers(mask)
    if length < THIN_RATIO * 2 * inscribed_radius(mask):
        return [kernel.across, *finer], ()
    return [kernel.across, *finer], _choose_directions(length, width, direction)


def _choose_directions(length: float, width: float, direction: float) -> tuple[int, ...]:
    return choose_angles(direction, REACH_DEGREES) if STRAIGHT_RATIO * width < length else ANGLES


def _measure_calipers(mask: Mask) -> tuple[float, float, float]:
    points = np.argwhere(mask)[:, ::-1].astype(np.float64)
    length, direction = shape.max_feret(points)
    return length + 1, shape.min_feret(points) + 1, direction
