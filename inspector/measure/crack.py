"""Measures a crack: thin lines that wind and branch.

Each path of the crack is a line with its width and length. The outline is the union of the lines:
its length and its width are the largest and the smallest caliper diameter of all of them together,
branches included, and its area is that of all lines.
"""

from typing import Final

import cv2
import numpy as np

from inspector.core.arrays import Image
from inspector.core.geometry import Affine, Points
from inspector.measure import shape
from inspector.measure.budgets import budget_crack
from inspector.measure.middle_line import extend_line, find_line_normals, resample_line
from inspector.measure.network import find_network
from inspector.measure.outline import Outline
from inspector.measure.profiles import Source
from inspector.measure.ridge import Ridge, find_ends, make_offsets, measure_ridge, shift_middle
from inspector.measure.smoothing import Float32Array
from inspector.measure.strip import read_strip, smooth_open

BEYOND_PX: Final = 10.0
"""The profiles are read this far beyond the tips of a path."""

BEND_CALM: Final = 0.5
"""The middle line of a crack is smoothed less than that of a scratch, by this factor."""

BEND_PX: Final = 2.0
"""Standard deviation of the smoothing of a path, in frame pixels."""

FIRST_WIDTH_PX: Final = 3.0

LEAST_CLEARNESS: Final = 1.4
"""Least contrast of the lines over the extreme of the texture. Below it the lines of scratches in
texture were wrong by half of their length."""

MAX_WIDTH_PX: Final = 20.0

LONGER: Final = 1.25
"""If the line along the highest contrast is longer than the path by this factor, it has loops."""


def outline_crack(
    image: Image, known: Points, weights: Float32Array, white: Float32Array, surprise: float
) -> Outline | None:
    """Finds and measures the lines of a crack.

    known: (n, 2) some places of it in frame pixels. weights: (3,) colour -> contrast. white: (3, 3)
    whitening of the texture's colours. None: there is no clear line.
    """
    network = find_network(image, known, weights)
    if network is None or network[1] < LEAST_CLEARNESS:
        return None
    paths, clearness = network
    source, hw = Source(image, Affine(1.0, 1.0)), (image.shape[0], image.shape[1])
    trunk = follow_path(source, white, paths[0], hw, trunk=None)
    if trunk is None or trunk.width > MAX_WIDTH_PX:
        return None
    ridges = [trunk]
    for path in paths[1:]:
        branch = follow_path(source, white, path, hw, trunk=trunk)
        if branch is not None and branch.width < 2 * trunk.width + 1:
            ridges.append(branch)
    polygon = np.clip(join_ridges(ridges), 0, (hw[1], hw[0]))
    return Outline((polygon,), 0, budget_crack(ridges, polygon, clearness, surprise))


def follow_path(
    source: Source, white: Float32Array, path: Points, hw: tuple[int, int], *, trunk: Ridge | None
) -> Ridge | None:
    """Measures one path of a crack. trunk: the line that a branch leaves, None for the trunk.
    None: there is no line along the path."""
    start = BEYOND_PX if trunk is None else 0.0
    skip = 0.0 if trunk is None else trunk.width + 2.0
    rough = FIRST_WIDTH_PX if trunk is None else max(trunk.width, 2.0)
    calm = resample_line(path, 1.0)
    ends = calm[[0, -1]]
    calm = smooth_open(calm - calm[0], BEND_PX).astype(np.float64) + calm[0]
    calm[[0, -1]] = ends
    ridge: Ridge | None = None
    for _ in range(2):
        offsets = make_offsets(rough)
        middle, known = extend_line(calm, (start, BEYOND_PX), hw), (start + skip, BEYOND_PX)
        strip = read_strip(source, white, middle, offsets, known, rough)
        middle = shift_middle(strip, rough, BEND_CALM)
        if float(np.hypot(*np.diff(middle, axis=0).T).sum()) < LONGER * strip.length:
            strip = read_strip(source, white, middle, offsets, known, rough)
        tips = find_ends(strip, strip.mean_profile())
        if tips is None:
            return None
        first = tips[0] if trunk is None else 0.0
        ridge = measure_ridge(strip, first, tips[1], offsets, smooth=False, skip=skip)
        if ridge is None or ridge.width < 1.5 * rough:
            break
        rough = ridge.width
    return ridge


def join_ridges(ridges: list[Ridge]) -> Points:
    """The outline of all lines of a crack. The first is the trunk."""
    outline = ridges[0].polygon()
    for ridge in ridges[1:]:
        outline = _add_branch(outline, ridge)
    return outline


def _add_branch(outline: Points, branch: Ridge) -> Points:
    """Replaces the part of an outline between the two sides of a branch by the branch."""
    side = find_line_normals(branch.middle) * (branch.width / 2)
    contour = outline.astype(np.float32)
    sides = []
    for points in (branch.middle + side, branch.middle - side):
        away = [cv2.pointPolygonTest(contour, (float(x), float(y)), False) for x, y in points]
        inside = np.flatnonzero(np.array(away[: len(away) // 2]) >= 0)
        sides.append(points[inside[-1] + 1 if len(inside) else 0 :])
    first, last = (int(np.argmin(np.hypot(*(outline - points[0]).T))) for points in sides)
    best = outline
    for begin, end, (left, right) in ((first, last, sides), (last, first, sides[::-1])):
        count = (begin - end) % len(outline) or len(outline)
        rest = np.roll(outline, -end, axis=0)[: count + 1]
        joined = np.concatenate((rest, left, right[::-1]))
        if shape.area(joined) > shape.area(best):
            best = joined
    return best


def measure_step(source: Source, white: Float32Array, ridge: Ridge) -> Float32Array:
    """Weights (3,) of a colour, so that the contrast of a line is positive. white: (3, 3)."""
    normals = find_line_normals(ridge.middle)
    beside = ridge.width / 2 + np.array((2.0, 4.0))
    offsets = np.concatenate(((0.0,), beside, -beside)).astype(np.float32)
    x = (ridge.middle[:, :1] + normals[:, :1] * offsets).astype(np.float32)
    y = (ridge.middle[:, 1:] + normals[:, 1:] * offsets).astype(np.float32)
    colours = source.read(x, y).mean(axis=0) @ white
    step = colours[0] - colours[1:].mean(axis=0)
    return np.asarray(white @ (step / max(float(np.linalg.norm(step)), 1e-6)), np.float32)
