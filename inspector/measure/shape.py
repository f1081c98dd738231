"""Measures polygons with pure functions. The results are in the unit of the vertices.

A polygon is (n, 2) float64, x then y. The last vertex does not repeat the first. The order of the
vertices can be clockwise or not. If a region has several polygons, its holes come last.
"""

import functools
import math
from collections.abc import Sequence

import cv2
import numpy as np

from inspector.core.geometry import Points


def area(polygon: Points) -> float:
    """Area of a simple polygon (shoelace formula)."""
    return abs(_signed_area(polygon))


def region_area(polygons: Sequence[Points], holes: int) -> float:
    """Area of the outer polygons minus the area of the last `holes` polygons."""
    sizes = [area(p) for p in polygons]
    return sum(sizes[: len(sizes) - holes]) - sum(sizes[len(sizes) - holes :])


def perimeter(polygon: Points) -> float:
    steps = polygon - np.concatenate((polygon[-1:], polygon[:-1]))
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum())


def region_centroid(polygons: Sequence[Points], holes: int) -> tuple[float, float]:
    """Centre of mass. If the area is 0, the mean of the first polygon's vertices."""
    origin = polygons[0].mean(axis=0)
    total, moment = 0.0, np.zeros(2)
    for index, polygon in enumerate(polygons):
        part = area(polygon) * (-1.0 if index >= len(polygons) - holes else 1.0)
        total += part
        moment += part * (_centroid(polygon - origin))
    centre = origin + (moment / total if total > 0 else 0.0)
    return float(centre[0]), float(centre[1])


def max_feret(points: Points) -> tuple[float, float]:
    """Largest caliper diameter, and its direction in degrees from x towards y, 0 to below 180."""
    return _find_longest(convex_hull(points))


def _find_longest(hull: Points) -> tuple[float, float]:
    x, y = hull.T
    squares = np.square(x[:, None] - x)
    squares += np.square(y[:, None] - y)
    first, second = divmod(int(np.argmax(squares)), len(hull))
    along = hull[first] - hull[second]
    angle = math.degrees(math.atan2(along[1], along[0])) % 180.0
    return math.sqrt(squares[first, second]), 0.0 if angle == 180.0 else angle


def min_feret(points: Points) -> float:
    """Smallest caliper diameter. One jaw of the caliper then touches an edge of the convex hull."""
    return measure_calipers(points)[2]


def _find_narrowest(hull: Points) -> float:
    x, y = hull.T
    along, down = next_vertices(x) - x, next_vertices(y) - y
    lengths = np.hypot(along, down)
    nonzero = np.flatnonzero(lengths)
    if not len(nonzero):
        return 0.0
    heights = along[nonzero, None] * (y[nonzero, None] - y)
    heights -= down[nonzero, None] * (x[nonzero, None] - x)
    np.abs(heights, out=heights)
    return float((heights.max(axis=1) / lengths[nonzero]).min())


def measure_calipers(points: Points) -> tuple[float, float, float]:
    """max_feret() with its direction, and min_feret(), of the same hull."""
    return _measure_calipers(np.ascontiguousarray(points, np.float64).tobytes())


@functools.lru_cache(maxsize=64)
def _measure_calipers(vertices: bytes) -> tuple[float, float, float]:
    """A defect needs the calipers of the same outline up to four times: for its uncertainty, and
    for its sizes when all defects of the frame are outlined."""
    hull = convex_hull(np.frombuffer(vertices).reshape(-1, 2))
    return *_find_longest(hull), _find_narrowest(hull)


def convex_hull(points: Points) -> Points:
    """Corners of the hull in order. Each corner is one of the points."""
    # OpenCV computes hulls in float32. Centred points keep their precision far from the origin.
    centred = (points - points.mean(axis=0)).astype(np.float32)
    corners = cv2.convexHull(centred, returnPoints=False)
    return points[:1] if corners is None else points[corners[:, 0]]  # None: all points are equal


def equivalent_diameter(area_value: float) -> float:
    """Diameter of the circle with that area."""
    return math.sqrt(4 * area_value / math.pi)


def bounding_box(points: Points) -> tuple[float, float, float, float]:
    """(x0, y0, x1, y1)."""
    x0, y0 = points.min(axis=0).tolist()
    x1, y1 = points.max(axis=0).tolist()
    return x0, y0, x1, y1


def _signed_area(polygon: Points) -> float:
    x, y = (polygon - polygon[0]).T
    return float(np.dot(x, next_vertices(y)) - np.dot(y, next_vertices(x))) / 2


def next_vertices(values: Points) -> Points:
    """The value of the next vertex of a polygon, at each vertex. values: (n,) or (n, 2)."""
    return np.concatenate((values[1:], values[:1]))


def _centroid(polygon: Points) -> Points:
    origin = polygon[0]
    x, y = (polygon - origin).T
    next_x, next_y = next_vertices(x), next_vertices(y)
    cross = x * next_y - next_x * y
    total = cross.sum()
    if total == 0:
        return np.asarray(polygon.mean(axis=0))
    sums = np.array(((x + next_x) @ cross, (y + next_y) @ cross))
    return np.asarray(origin + sums / (3 * total))
