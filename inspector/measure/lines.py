"""Finds a line in a long region of the map: a scratch, a crack or a thread.

The frame is read in a straight strip along the region and averaged along it in blocks. A line that
the texture hides in every single place is visible in the average over its whole length.
"""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.geometry import Points
from inspector.measure import shape
from inspector.measure.middle_line import find_line_normals, fit_middle, resample_line
from inspector.measure.profiles import Source
from inspector.measure.smoothing import Float32Array, find_median
from inspector.measure.texture import measure_colours, subtract_colour

LONG_RATIO: Final = 1.8
"""Length over mean width above which a region is searched for a line."""

BLOCKS: Final = 10
ROWS: Final = 240
MARGIN_PX: Final = 20.0
"""The strip reaches this much further than the region on each side."""

MAX_HALF_WIDTH_PX: Final = 90.0
BACKGROUND_PX: Final = 7.0
"""Standard deviation across the line of the average that is subtracted."""

SLOPES: Final = 17
MAX_SLOPE: Final = 0.16
SAGS: Final = 7
MAX_SAG: Final = 0.06
"""Directions and curvatures that are tried: largest slope against the middle of the region, and
largest sag as a share of the length."""

SIGMAS: Final = (1.2,)
"""Smoothing across the line, in pixels."""

MIN_CLEARNESS: Final = 6.5
"""Contrast of a line over the spread of the averages beside it. Lines drawn at random on textures
reach about 4."""


ABOVE_OTHERS: Final = 1.5
"""Contrast of a line over that of the strongest parallel line beside the region."""


@dataclass(frozen=True, slots=True)
class Line:
    """middle: (n, 2) in frame pixels. width: rough width in pixels. white: (3, 3) whitening of the
    texture's colours. clearness: contrast over the spread beside it."""

    middle: Points
    width: float
    white: Float32Array
    clearness: float


def find_line(source: Source, polygons: tuple[Points, ...], inside: Points) -> Line | None:
    """Finds the line along a region. polygons: of the region, in frame pixels. inside: (n, 2)
    points that fill the region evenly. None: the region is not long, or there is no clear line."""
    outer = polygons[0]
    length = shape.max_feret(outer)[0]
    width = shape.area(outer) / max(length, 1.0)
    if length < LONG_RATIO * width or len(inside) < 12:
        return None
    middle = fit_middle(inside)
    if middle is None:
        return None
    half = min(0.5 * width, MAX_HALF_WIDTH_PX)
    line = resample_line(_shorten(_calm(middle[0]), 0.55 * half), length / ROWS)
    offsets = np.arange(-math.ceil(half + MARGIN_PX), math.ceil(half + MARGIN_PX) + 1)
    normals = find_line_normals(line)
    x = (line[:, :1] + normals[:, :1] * offsets).astype(np.float32)
    y = (line[:, 1:] + normals[:, 1:] * offsets).astype(np.float32)
    pixels = source.read(x, y)
    beside = np.abs(offsets) > 0.7 * half
    colours = measure_colours(pixels[::3, beside].reshape(-1, 3))
    values = np.asarray(
        subtract_colour(pixels, colours.centre) @ colours.whitening, dtype=np.float32
    )
    return _search(values, line, normals, offsets, 0.7 * half, colours.whitening)


def _calm(line: Points) -> Points:
    """A parabola through the middle of the region, along its longest direction."""
    centre = line.mean(axis=0)
    _, axes = np.linalg.eigh((line - centre).T @ (line - centre))
    along, across = (line - centre) @ axes[:, 1], (line - centre) @ axes[:, 0]
    fit = np.polynomial.Polynomial.fit(along, across, 2)
    at = np.linspace(along.min(), along.max(), 40)
    return np.asarray(centre + np.column_stack((fit(at), at)) @ axes.T)


def _shorten(line: Points, by: float) -> Points:
    """Cuts a length off both ends."""
    places = np.concatenate(((0.0,), np.cumsum(np.hypot(*np.diff(line, axis=0).T))))
    by = min(by, 0.3 * float(places[-1]))
    at = np.linspace(by, places[-1] - by, len(line))
    return np.column_stack([np.interp(at, places, line[:, axis]) for axis in (0, 1)])


def _search(
    values: Float32Array,
    line: Points,
    normals: Points,
    offsets: npt.NDArray[np.int_],
    reach: float,
    white: Float32Array,
) -> Line | None:
    rows, columns = values.shape[:2]
    size = rows // BLOCKS
    blocks = values[: size * BLOCKS].reshape(BLOCKS, size, columns, 3).mean(axis=1)
    place = (np.arange(BLOCKS) + 0.5) / BLOCKS * 2 - 1
    total = float(np.hypot(*np.diff(line, axis=0).T).sum())
    slopes = np.linspace(-MAX_SLOPE, MAX_SLOPE, SLOPES)[:, None, None] * total / 2 * place
    sags = np.linspace(-MAX_SAG, MAX_SAG, SAGS)[:, None] * total * (1 - place**2)
    bends = (slopes + sags).reshape(-1, BLOCKS)
    best, answer = MIN_CLEARNESS, None
    wide = blur_across(blocks, BACKGROUND_PX)
    middle = np.abs(offsets) <= reach
    for sigma in SIGMAS:
        flat = blur_across(blocks, sigma) - wide
        spread = np.maximum(1.4826 * _find_usual(np.abs(flat)), 0.02)
        flat = np.clip(flat, -6 * spread, 6 * spread)
        means = _average_along(flat, np.rint(bends).astype(int))
        heights = np.abs(means)
        score = heights / np.maximum(1.4826 * _find_usual(heights), 0.03)
        beside = heights[:, ~middle].max(axis=1, keepdims=True)
        np.copyto(score, 0, where=heights < ABOVE_OTHERS * beside)
        score[:, ~middle] = 0
        at = int(np.argmax(score))
        bend, column, axis = np.unravel_index(at, score.shape)
        if score.flat[at] > best:
            best = float(score.flat[at])
            shift = np.interp(np.linspace(-1, 1, rows), place, bends[bend])
            # Beyond the middle of the outer blocks the bend is continued.
            path = line + normals * (shift + offsets[column])[:, None]
            answer = Line(path, _measure_width(means[bend, :, axis], int(column)), white, best)
    return answer


def _find_usual(heights: Float32Array) -> Float32Array:
    """Median of (n, columns, 3) across the line: (n, 1, 3)."""
    return np.asarray(find_median(np.ascontiguousarray(heights.transpose(0, 2, 1)))[:, None])


def _average_along(blocks: Float32Array, moves: npt.NDArray[np.int_]) -> Float32Array:
    """Averages the blocks along each bend: (bends, columns, 3). moves: (bends, BLOCKS) columns by
    which a bend leaves the line. Beyond the outermost columns they are repeated."""
    columns, most = blocks.shape[1], int(np.abs(moves).max())
    padded = cv2.copyMakeBorder(blocks, 0, 0, most, most, cv2.BORDER_REPLICATE)
    # A moved block is a window of neighbouring numbers.
    rows = padded.reshape(BLOCKS, -1)
    windows = np.lib.stride_tricks.sliding_window_view(rows, 3 * columns, axis=1)[:, ::3]
    total = windows[0, moves[:, 0] + most]
    for number in range(1, BLOCKS):
        total += windows[number, moves[:, number] + most]
    total /= np.float32(BLOCKS)
    return total.reshape(-1, columns, 3)


def _measure_width(profile: Float32Array, column: int) -> float:
    """Width of the peak at half of its height, in pixels."""
    above = profile * np.sign(profile[column]) >= 0.5 * abs(float(profile[column]))
    right = int(np.argmin(above[column:])) if not above[column:].all() else len(above) - column
    left = int(np.argmin(above[column::-1])) if not above[column::-1].all() else column
    return float(max(right + left - 1, 1))


def blur_across(blocks: Float32Array, sigma: float) -> Float32Array:
    """Blurs (b, m, 3) along its second axis."""
    side = 2 * math.ceil(3 * sigma) + 1
    out = cv2.GaussianBlur(
        blocks, (side, 1), sigmaX=sigma, sigmaY=0.01, borderType=cv2.BORDER_REPLICATE
    )
    return np.asarray(out, dtype=np.float32)
