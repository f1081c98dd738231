"""Moves an outline to the edge in the picture, with profiles along its normals.

Along each normal the colours inside and outside give two levels. The edge is where the profile
crosses half of the way between them. All normals are read in a single call, and neighbouring
profiles are averaged along the edge: this hides the texture and does not blur the edge.
"""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.geometry import Affine, Points
from inspector.measure.smoothing import Float32Array, find_median, multiply_colours
from inspector.measure.vertices import despike, find_normals, smooth_along

SAMPLES: Final = 41
"""Number of samples along each normal."""

PLATEAU_SHARE: Final = 0.4
"""The levels are averaged over the part of the normals beyond this share of its reach."""

PLATEAU_SMOOTHING: Final = 0.05
"""Standard deviation of the averaging of the levels along the outline, as a share of it."""

PRIOR: Final = 0.2
"""A shift s along a normal of reach r costs PRIOR s^2 / r pixels of clear contrast."""

LEVEL_STEP: Final = 0.1
"""The outlines at lower and higher levels by this share show the sharpness of the edge."""

Floats = npt.NDArray[np.float64]

_Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Source:
    """Pixels to read profiles from.

    pixels: (h, w, 3) uint8 or float32. to_pixels: frame pixels -> pixels of this picture.
    """

    pixels: npt.NDArray[np.uint8] | Float32Array
    to_pixels: Affine

    def read(self, x: Float32Array, y: Float32Array) -> Float32Array:
        """Interpolates at frame coordinates: (n, m) each -> (n, m, 3) float32."""
        to = self.to_pixels
        columns = x * np.float32(to.scale_x) + np.float32(to.shift_x - 0.5)
        rows = y * np.float32(to.scale_y) + np.float32(to.shift_y - 0.5)
        read = cv2.remap(
            self.pixels, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return read.astype(np.float32, copy=False)


@dataclass(frozen=True, slots=True)
class Distances:
    """Signed distance from the coarse outline, negative inside: (h, w) float32 in frame pixels."""

    values: Float32Array
    to_pixels: Affine
    tolerance: float


@dataclass(frozen=True, slots=True)
class EdgeFit:
    """An outline at the edge, and what the profiles say about it.

    points: (n, 2) in frame pixels. blur: standard deviation of the edge in frame pixels. noise:
    spread of the texture over the step. scatter: root mean square distance of the single profiles
    from the smooth outline. level_px: distance by which the outline moves per LEVEL_STEP.
    smoothing: standard deviation of the averaging along the edge. inside, outside: (3,) mean
    whitened colours. corners: number of restored corners.
    """

    points: Points
    blur: float
    noise: float
    scatter: float
    level_px: float
    smoothing: float
    inside: Float32Array
    outside: Float32Array
    corners: int = 0


def fit_edge(
    source: Source,
    white: Float32Array,
    points: Points,
    distances: Distances,
    reach: float,
    *,
    smoothing: float | None,
) -> EdgeFit:
    """Moves the vertices of an outline to the edge.

    points: (n, 2) at equal distances in frame pixels, outer outlines so that find_normals() points
    outwards. white: (3, 3) whitening of colours. reach: length of the normals on each side.
    smoothing: averaging along the edge in frame pixels; None: chosen by the noise of the texture.
    """
    spacing = float(np.hypot(*(points[1] - points[0])))
    perimeter = spacing * len(points)
    normals = find_normals(points, max(1.5, 0.25 * reach) / spacing)
    offsets = np.linspace(-reach, reach, SAMPLES, dtype=np.float32)
    x = (points[:, :1] + normals[:, :1] * offsets).astype(np.float32)
    y = (points[:, 1:] + normals[:, 1:] * offsets).astype(np.float32)
    colours = (source.read(x, y).reshape(-1, 3) @ white).reshape(len(points), SAMPLES, 3)
    valid = _find_valid(x, y, offsets, distances)
    steps = _normalize(colours, valid, offsets, spacing, perimeter)
    noise = steps.noise
    if smoothing is None:
        smoothing = min(1.0 + 18 * noise, max(2.0, 0.06 * perimeter), 24.0)
    weight = steps.weight[:, None]
    averaged = smooth_along(steps.profile * weight, smoothing / spacing)
    averaged /= np.maximum(smooth_along(weight, smoothing / spacing), 1e-9)
    places, level_px = _find_crossings(averaged, offsets)
    window = 2 * round(min(max(2.0, 0.6 * reach / spacing), 15.0, 0.1 * len(points))) + 1
    calm = smooth_along(despike(places, window)[:, None], smoothing / spacing)
    shifts = calm[:, 0].astype(np.float64)
    scatter = float(np.sqrt(np.mean(np.minimum(np.abs(places - shifts), reach) ** 2)))
    return EdgeFit(
        points=points + normals * shifts[:, None],
        blur=_measure_blur(averaged, shifts, offsets),
        noise=noise,
        scatter=scatter,
        level_px=level_px,
        smoothing=smoothing,
        inside=steps.inside,
        outside=steps.outside,
    )


@dataclass(frozen=True, slots=True)
class _Steps:
    """profile: (n, m), 1 inside and 0 outside. weight: (n,) squared step of each profile. noise:
    spread of the texture in units of the step. inside, outside: (3,) mean colours."""

    profile: Float32Array
    weight: Float32Array
    noise: float
    inside: Float32Array
    outside: Float32Array


def _find_valid(
    x: Float32Array, y: Float32Array, offsets: Float32Array, distances: Distances
) -> npt.NDArray[np.bool_]:
    """(n, m). False where another part of the outline is nearer than this vertex."""
    to = distances.to_pixels
    columns = x * np.float32(to.scale_x) + np.float32(to.shift_x - 0.5)
    rows = y * np.float32(to.scale_y) + np.float32(to.shift_y - 0.5)
    away = cv2.remap(
        distances.values, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    middle = len(offsets) // 2
    off = np.abs(away - away[:, middle : middle + 1] - offsets)
    good = off <= np.float32(distances.tolerance) + np.float32(0.35) * np.abs(offsets)
    good[:, middle] = True
    outward = np.logical_and.accumulate(good[:, middle:], axis=1)
    # Behind the middle of a thin part the normal leaves the defect on the other side.
    deepest = np.argmin(away[:, middle::-1], axis=1)
    good[:, middle::-1] &= np.arange(middle + 1) <= np.maximum(deepest, 1)[:, None]
    inward = np.logical_and.accumulate(good[:, middle::-1], axis=1)[:, ::-1]
    return np.concatenate((inward[:, :-1], outward), axis=1)


def _normalize(
    colours: Float32Array,
    valid: npt.NDArray[np.bool_],
    offsets: Float32Array,
    spacing: float,
    perimeter: float,
) -> _Steps:
    """Scales the profiles (n, m, 3) to 1 inside and 0 outside."""
    middle = len(offsets) // 2
    sigma = max(PLATEAU_SMOOTHING * perimeter, 4.0) / spacing
    inside, deep_in = _average_far(colours[:, middle::-1], valid[:, middle::-1], sigma)
    outside, deep_out = _average_far(colours[:, middle:], valid[:, middle:], sigma)
    step = inside - outside
    weight = np.einsum("ij,ij->i", step, step)
    profile = multiply_colours(colours, step[:, None])
    profile -= np.einsum("ij,ij->i", outside, step)[:, None]
    profile /= np.maximum(weight, 1e-6)[:, None]
    np.clip(profile, -1.0, 2.0, out=profile)
    np.copyto(profile[:, :middle], 1.0, where=~valid[:, :middle])
    np.copyto(profile[:, middle + 1 :], 0.0, where=~valid[:, middle + 1 :])
    rest = np.concatenate(
        ((profile[:, middle::-1] - 1)[deep_in], profile[:, middle:][deep_out]), axis=None
    )
    noise = float(np.sqrt(np.mean(np.square(rest))))
    return _Steps(profile, weight, noise, inside.mean(axis=0), outside.mean(axis=0))


def _average_far(
    colours: Float32Array, valid: npt.NDArray[np.bool_], sigma: float
) -> tuple[Float32Array, npt.NDArray[np.bool_]]:
    """Averages the far part of the valid samples, and along the outline. The first sample is at
    the outline. Returns (n, 3), and the samples that were used."""
    count = valid.sum(axis=1)
    steps = np.arange(float(valid.shape[1]))
    far = valid & (steps >= np.floor(PLATEAU_SHARE * count)[:, None])
    sums = np.einsum("im,imj->ij", far.astype(np.float32), colours)
    number = far.sum(axis=1, dtype=np.float32)[:, None]
    smooth = smooth_along(np.concatenate((sums, number), axis=1), sigma)
    return np.asarray(smooth[:, :3] / np.maximum(smooth[:, 3:], 1e-6), dtype=np.float32), far


def _find_crossings(profile: Float32Array, offsets: Float32Array) -> tuple[Floats, float]:
    """Finds where each profile falls through 0.5: the end of the interval with the largest sum of
    profile - 0.5. Returns the places (n,), and the mean distance to the level of LEVEL_STEP more.
    """
    above = profile - np.float32(0.5)
    step = float(offsets[1] - offsets[0])
    total = np.cumsum(above[:, :-1] + above[:, 1:], axis=1)
    total -= np.float32(PRIOR / step / float(offsets[-1])) * np.square(offsets[1:])
    last = np.argmax(total, axis=1) + 1
    rows = np.arange(len(profile))
    return _interpolate(above, rows, last, offsets), _measure_sharpness(above, rows, last, offsets)


def _interpolate(
    above: Float32Array,
    rows: npt.NDArray[np.intp],
    last: npt.NDArray[np.intp],
    offsets: Float32Array,
) -> Floats:
    first = last - 1
    after = np.minimum(last + 1, above.shape[1] - 1)
    # The trapezoids end at `last`, so the crossing is beside it, on either side.
    later = above[rows, last] > 0
    low, high = np.where(later, last, first), np.where(later, after, last)
    a, b = above[rows, low].astype(np.float64), above[rows, high].astype(np.float64)
    share = np.clip(np.where(a - b > 1e-6, a / np.maximum(a - b, 1e-6), 0.5), 0.0, 1.0)
    return np.asarray(offsets[low] + share * (offsets[high] - offsets[low]), dtype=np.float64)


def _measure_sharpness(
    above: Float32Array,
    rows: npt.NDArray[np.intp],
    last: npt.NDArray[np.intp],
    offsets: Float32Array,
) -> float:
    """Frame pixels per LEVEL_STEP at the crossing, by the median slope over four samples."""
    low, high = np.maximum(last - 2, 0), np.minimum(last + 2, above.shape[1] - 1)
    fall = above[rows, low] - above[rows, high]
    run = offsets[high] - offsets[low]
    slope = float(find_median(fall / run))
    return LEVEL_STEP / max(slope, LEVEL_STEP / float(offsets[-1]))


def _measure_blur(profile: Float32Array, shifts: Floats, offsets: Float32Array) -> float:
    """Standard deviation of a Gaussian that blurs a step to the mean profile.

    The integral of p (1 - p) over a step blurred with s is s / sqrt(pi).
    """
    spacing = float(offsets[1] - offsets[0])
    moves = np.rint(shifts / spacing).astype(int)
    columns = np.clip(np.arange(len(offsets)) + moves[:, None], 0, len(offsets) - 1)
    columns += np.arange(len(profile))[:, None] * len(offsets)
    mean = np.clip(profile.take(columns).mean(axis=0), 0, 1)
    middle, wide = len(offsets) // 2, len(offsets) // 3
    part = mean[middle - wide : middle + wide + 1]
    return math.sqrt(math.pi) * spacing * float(np.sum(part * (1 - part)))
