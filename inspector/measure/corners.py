"""Restores sharp corners of an outline that the blur of the picture has rounded."""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.core.geometry import Points

LEAST_TURN: Final = math.radians(50)
"""Least change of direction at a corner."""

BEND_SHARE: Final = 0.14
"""Largest bend of the sides beside a corner, as a share of the turn of the corner."""

MAX_BLUR_PX: Final = 4.0
"""Above this blur a corner cannot be told from a bend."""

ROUNDING: Final = 1.3
ROUNDING_PX: Final = 0.6
"""Largest distance of a corner from the rounded outline: this number of sigmas plus pixels."""

TIP_PLACES: Final = np.array((0.25, 0.5, 0.75))
TIP_CONTRAST: Final = 0.28
"""Least mean contrast at these shares of the way from the rounded outline to a corner."""

STRAIGHT_PX: Final = 0.5
"""Largest root mean square distance of a straight side from its line."""

Floats = npt.NDArray[np.float64]


def restore_corners(
    points: Points, blur: float, read: Callable[[Points], Floats]
) -> tuple[Points, int]:
    """Extends the straight sides beside each rounded corner to their intersection.

    points: (n, 2) at equal distances. blur: standard deviation, in pixels, of everything that
    rounds the outline. read: contrast at (n, 2) points, 1 in the defect and 0 beside it. Only
    corners whose sides are straight are changed, and only by as much as the blur explains. Returns
    the outline and the number of its corners.
    """
    spacing = float(np.hypot(*(points[1] - points[0])))
    gap = max(2, round((1.6 * blur + 1.5) / spacing))
    side = max(4, round(max(7.0, 3 * blur) / spacing))
    count = len(points)
    if blur > MAX_BLUR_PX or count < 3 * (gap + side):
        return points, 0
    turn, bend = _measure_turns(points, gap, side)
    corners: list[tuple[int, Points]] = []
    for index in _find_peaks(np.abs(turn), gap + side):
        if abs(turn[index]) < LEAST_TURN or bend[index] > BEND_SHARE * abs(turn[index]):
            continue
        corner = _intersect(points, int(index), gap, side)
        if corner is None:
            continue
        gaps = np.hypot(*(points - corner).T)
        nearest = points[int(np.argmin(gaps))]
        if float(gaps.min()) > ROUNDING * blur + ROUNDING_PX:
            continue
        # A rounded corner leaves contrast between the outline and the corner, a bend does not.
        if float(read(nearest + TIP_PLACES[:, None] * (corner - nearest)).mean()) >= TIP_CONTRAST:
            corners.append((int(index), corner))
    if not corners:
        return points, 0
    return _rebuild(points, sorted(corners, key=lambda pair: pair[0]), gap), len(corners)


def _rebuild(points: Points, corners: list[tuple[int, Points]], gap: int) -> Points:
    """Joins the corners with the vertices between them. A straight side becomes a single line, and
    a corner between two such sides is their intersection."""
    count, number = len(points), len(corners)
    sides = [
        points[
            np.arange(index + gap, corners[(k + 1) % number][0] - gap + 1 + count * wraps) % count
        ]
        for k, (index, _) in enumerate(corners)
        for wraps in (int(corners[(k + 1) % number][0] <= index),)
    ]
    lines = [_fit_straight(side) for side in sides]
    rebuilt: list[Points] = []
    for k, (_, corner) in enumerate(corners):
        before, after = lines[k - 1], lines[k]
        if before is not None and after is not None:
            crossing = _cross(before, after)
            corner = corner if crossing is None else crossing
        rebuilt.append(corner[None])
        if after is None:
            rebuilt.append(sides[k])
    return np.concatenate(rebuilt)


_Straight = tuple[Points, Points]
"""A point of a line, and its direction."""


def _fit_line(points: Points) -> _Straight:
    centre = points.mean(axis=0)
    _, axes = np.linalg.eigh((points - centre).T @ (points - centre))
    return centre, axes[:, 1]


def _fit_straight(side: Points) -> _Straight | None:
    """The line through a side. None: the side is not straight."""
    if len(side) < 4:
        return None
    centre, along = _fit_line(side)
    off = (side - centre) @ np.array((-along[1], along[0]))
    return (centre, along) if float(np.sqrt(np.mean(off**2))) <= STRAIGHT_PX else None


def _cross(first: _Straight, second: _Straight) -> Points | None:
    """Intersection of two lines. None: they are nearly parallel."""
    (a, u), (b, v) = first, second
    cross = float(u[0] * v[1] - u[1] * v[0])
    if abs(cross) < 0.3:
        return None
    way = b - a
    return np.asarray(a + u * float(way[0] * v[1] - way[1] * v[0]) / cross)


def _measure_turns(points: Points, gap: int, side: int) -> tuple[Floats, Floats]:
    """Change of direction between the sides of each vertex, and the bend of the more bent side."""
    half, count = side // 2, len(points)
    places = np.tile(np.ascontiguousarray(points).view(np.complex128)[:, 0], 3)

    def direction(first: int, last: int) -> npt.NDArray[np.complex128]:
        steps = places[count + last : 2 * count + last] - places[count + first : 2 * count + first]
        return np.asarray(steps)

    before = direction(-gap - side, -gap)
    after = direction(gap, gap + side)
    bends = [
        np.angle(
            direction(start + half, start + side) / _avoid_zero(direction(start, start + half))
        )
        for start in (-gap - side, gap)
    ]
    return np.angle(after / _avoid_zero(before)), np.maximum(np.abs(bends[0]), np.abs(bends[1]))


def _avoid_zero(values: npt.NDArray[np.complex128]) -> npt.NDArray[np.complex128]:
    return np.where(values == 0, 1.0 + 0j, values)


def _find_peaks(values: Floats, distance: int) -> list[int]:
    """The highest values that are at least a distance apart along the closed outline."""
    peaks: list[int] = []
    count = len(values)
    for index in np.argsort(-values):
        if values[index] < LEAST_TURN:
            break
        if all(min((index - p) % count, (p - index) % count) >= distance for p in peaks):
            peaks.append(int(index))
    return peaks


def _intersect(points: Points, index: int, gap: int, side: int) -> Points | None:
    """Intersection of the lines through the sides before and after a vertex."""
    count = len(points)
    before, after = (
        _fit_line(points[np.arange(first, first + side + 1) % count])
        for first in (index - gap - side, index + gap)
    )
    return _cross(before, after)
