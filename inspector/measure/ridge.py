"""Measures long thin defects: scratches, cracks and threads.

The picture is read in a straight strip along the middle line of the defect. Its contrast is
averaged along the line, so the profile across shows the width also where the texture hides the
edges. The profile of a line is a box that is blurred by the optics and the pixels.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.core.geometry import Points
from inspector.measure.line_width import fit_width
from inspector.measure.middle_line import (
    extend_line,
    find_line_normals,
    is_outside,
    straighten,
)
from inspector.measure.profiles import Source
from inspector.measure.smoothing import Float32Array
from inspector.measure.strip import Strip, read_strip, smooth_open
from inspector.measure.vertices import despike

SAMPLES: Final = 41
"""Samples of each profile."""

REACH_WIDTHS: Final = 2.5
MIN_REACH_PX: Final = 8.0
MAX_REACH_PX: Final = 30.0
"""The profiles reach this number of widths to each side, within these limits."""


END_PX: Final = 14.0
"""The strip begins and ends this much outside of the known part of the line."""


LEAST_NOISE: Final = 0.01
"""Least uncertainty of the mean profile, as a share of its height."""


SPINDLE_SHARE: Final = 0.65
"""If the contrast summed across the line is below this share at both ends, the defect is pointed
and its outline is measured instead."""

MAX_NOISE: Final = 0.35
MAX_EXTENSIONS: Final = 6

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ridge:
    """middle: (n, 2) middle line in frame pixels. width, width_u: with standard uncertainty.
    end_u: standard uncertainty of the place of each end. noise: spread of the texture beside
    the line in units of its contrast. clearness: height of the profile over its
    uncertainty. smooth: the middle line follows a polynomial."""

    middle: Points
    width: float
    width_u: float
    end_u: float
    noise: float
    clearness: float
    smooth: bool

    def polygon(self) -> Points:
        """The outline: both sides of the line, with straight ends."""
        side = find_line_normals(self.middle) * (self.width / 2)
        return np.concatenate((self.middle + side, (self.middle - side)[::-1]))


def fit_ridge(
    source: Source,
    white: Float32Array,
    line: Points,
    rough: float,
    hw: tuple[int, int],
    *,
    starts: bool = True,
) -> Ridge | None:
    """Follows a line in the frame to both ends, and measures its width.

    line: rough middle line. rough: rough width in frame pixels. hw: height and width of the frame.
    starts: False if the first point of the line lies in another defect, so that the line is not
    followed beyond it.
    """
    offsets = make_offsets(rough)
    start = END_PX if starts else 2.0
    middle, known = line, (start, END_PX)
    strip: Strip | None = None
    for _ in range(MAX_EXTENSIONS):
        middle = extend_line(middle, known, hw)
        for _ in range(2):
            strip = read_strip(source, white, middle, offsets, known, rough)
            middle = shift_middle(strip, rough)
        strip = read_strip(source, white, middle, offsets, known, rough)
        profile = strip.mean_profile()
        ends = find_ends(strip, profile)
        if ends is None:
            return None
        first, last = ends
        length = strip.length
        more = (
            starts and first < 4 and not is_outside(strip.middle[0], hw, 3.0),
            last > length - 4 and not is_outside(strip.middle[-1], hw, 3.0),
        )
        middle = _cut(strip, first, last)
        # Where the texture is as strong as the line, the line cannot be followed any further.
        if not any(more) or strip.noise > MAX_NOISE:
            break
        step = max(40.0, 0.5 * length)
        known = (step if more[0] else start, step if more[1] else END_PX)
    assert strip is not None
    known = (start, END_PX)
    calm = straighten(_cut(strip, first, last), rough)
    if calm is None and strip.noise <= MAX_NOISE:
        # On an even surface this is a crack. It may have branches, so its outline is measured.
        return None
    middle = extend_line(_cut(strip, first, last) if calm is None else calm, known, hw)
    strip = read_strip(source, white, middle, offsets, known, rough)
    ends = find_ends(strip, strip.mean_profile())
    return None if ends is None else measure_ridge(strip, *ends, offsets, smooth=calm is not None)


def make_offsets(rough: float) -> Float32Array:
    """Distances from the middle line at which profiles are read. rough: rough width."""
    reach = min(max(REACH_WIDTHS * rough, MIN_REACH_PX), MAX_REACH_PX)
    return np.linspace(-reach, reach, SAMPLES, dtype=np.float32)


def shift_middle(strip: Strip, rough: float, calm: float = 1.0) -> Points:
    """Moves the middle line to the strongest contrast nearby. calm: factor of the smoothing along
    the line; below 1 sharp bends stay sharper."""
    spacing = strip.spacing
    step = float(strip.offsets[1] - strip.offsets[0])
    along = _choose_smoothing(strip)
    smooth = smooth_open(strip.values, along / spacing)
    across = smooth_open(np.ascontiguousarray(smooth.T), max(0.4 * rough, 0.7) / step).T
    reach = float(strip.offsets[-1])
    prior = np.float32(0.3) * np.square(strip.offsets / np.float32(reach))
    rows = np.arange(len(across))
    best = np.clip(np.argmax(across - prior, axis=1), 1, len(strip.offsets) - 2)
    a, b, c = (across[rows, best + d].astype(np.float64) for d in (-1, 0, 1))
    curve = a - 2 * b + c
    bend = np.where(curve < -1e-6, 0.5 * (a - c) / np.minimum(curve, -1e-6), 0.0)
    places = strip.offsets[best] + np.clip(bend, -1, 1) * step
    amplitude = np.clip(b, 0.0, 1.0) ** 2 + 1e-3
    outside = np.ones(len(rows), dtype=bool)
    outside[strip.inner] = False
    places = np.clip(places, -0.6 * reach, 0.6 * reach)
    weight = np.where(outside, 0.2 * amplitude, amplitude)
    sigma = calm * max(2 * along, 0.7 * rough, 2.5) / spacing
    window = 2 * round(min(sigma, len(rows) / 8)) + 1
    if window >= 3:
        places = despike(places, window)
    table = smooth_open(np.column_stack((places * weight, weight)), sigma)
    shift = table[:, 0] / np.maximum(table[:, 1], 1e-6)
    return np.asarray(strip.middle + find_line_normals(strip.middle) * shift[:, None])


def _choose_smoothing(strip: Strip) -> float:
    """Averaging along the line, in frame pixels, that makes the texture weak."""
    noise = strip.noise
    return float(np.clip(1.0 + 6 * noise, 1.5, 16.0))


def find_ends(strip: Strip, profile: Float32Array) -> tuple[float, float] | None:
    """Finds where the line begins and ends, along the strip in frame pixels.

    Between the ends the contrast may fade: the ends enclose the largest sum of contrast - 0.5.
    """
    size = float(profile @ profile)
    if size <= 0:
        return None
    strength = strip.values @ (profile / np.float32(size))
    noise = strip.noise
    strength = smooth_open(strength[:, None], float(np.clip(1 + 3 * noise, 1, 6)) / strip.spacing)
    above = np.clip(strength[:, 0], -0.5, 1.5).astype(np.float64) - 0.5
    start = (strip.inner.start + strip.inner.stop) // 2
    forward = np.cumsum(above[start:])
    backward = np.cumsum(above[start::-1])
    last = start + int(np.argmax(forward))
    first = start - int(np.argmax(backward))
    if last - first < 2:
        return None
    return (
        strip.spacing * (first - _part(above, first, first - 1)),
        strip.spacing * (last + _part(above, last, last + 1)),
    )


def _part(above: Floats, inner: int, outer: int) -> float:
    """Share of the way from the last row of the line to the next row, where it crosses 0."""
    if not 0 <= outer < len(above):
        return 0.0
    a, b = float(above[inner]), float(above[outer])
    return min(max(a / (a - b), 0.0), 1.0) if a - b > 1e-9 else 0.5


def _cut(strip: Strip, first: float, last: float) -> Points:
    """The middle line between two places along it."""
    at = strip.spacing * np.arange(len(strip.middle))
    keep = (at > first) & (at < last)
    places = np.concatenate(((first,), at[keep], (last,)))
    return np.column_stack([np.interp(places, at, strip.middle[:, axis]) for axis in (0, 1)])


def measure_ridge(
    strip: Strip,
    first: float,
    last: float,
    offsets: Float32Array,
    *,
    smooth: bool,
    skip: float = 0.0,
) -> Ridge | None:
    """Measures the line between two places along a strip. skip: length at its beginning that is not
    measured, because the line leaves another line there. None: there is no line."""
    begin = math.ceil((first + skip) / strip.spacing)
    rows = slice(max(0, begin), math.floor(last / strip.spacing) + 1)
    values = strip.values[rows]
    if len(values) < 4:
        return None
    profile = values.mean(axis=0).astype(np.float64)
    if _is_spindle(values):
        return None
    chunks = np.array_split(values, min(4, len(values) // 2))
    spread = np.std([chunk.mean(axis=0) for chunk in chunks], axis=0) / math.sqrt(len(chunks))
    noise = max(float(np.sqrt(np.mean(np.square(spread)))), LEAST_NOISE * float(profile.max()))
    width, width_u = fit_width(profile, offsets.astype(np.float64), noise)
    if width > 0.9 * float(offsets[-1]):
        return None
    texture = float(values[:, strip.sides].std())
    return Ridge(
        middle=_cut(strip, first, last),
        width=width,
        width_u=width_u,
        end_u=0.5 + 4 * min(texture, 1.5) ** 1.5,
        noise=texture,
        smooth=smooth,
        clearness=float(profile.max()) / max(noise, 1e-6),
    )


def _is_spindle(values: Float32Array) -> bool:
    """Whether both ends are much thinner than the middle, and not only by the texture."""
    mean = values.mean(axis=0)
    sums = np.clip(values[:, mean > 0.2 * mean.max()], -0.5, 1.5).sum(axis=1)
    outer = len(sums) // 6 + 1
    inner = sums[2 * outer : len(sums) - 2 * outer]
    if len(inner) < 4:
        return False
    middle, spread = float(np.median(inner)), float(np.std(inner))
    ends = max(float(np.median(sums[:outer])), float(np.median(sums[-outer:])))
    return ends < SPINDLE_SHARE * middle and middle - ends > 2 * spread
