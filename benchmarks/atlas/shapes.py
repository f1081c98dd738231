"""Shapes with exact sizes: disc, ellipse, blob, rectangle, stroke, arc, and unions of them.

Coordinates are millimetres on the plane of the product, (n, 2) or grids x and y. A shape is a level
function, and its sizes come from formulas. Only the area of a union is integrated numerically.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull

Array = npt.NDArray[Any]
Place = Sequence[float] | Array
Level = Callable[[Array, Array], Array]

_ARC_POINTS = 96
_SUBGRID = (np.arange(8) + 0.5) / 8 - 0.5


@dataclass(frozen=True, slots=True)
class Shape:
    """level(x, y): negative inside, and its magnitude is at most the distance to the edge.
    boundary: (n, 2) points that include all corners of the convex hull."""

    level: Level
    boundary: Array
    area: float

    @property
    def length(self) -> float:
        return ferets(self.boundary)[0]

    @property
    def width(self) -> float:
        return ferets(self.boundary)[1]


def ferets(points: Array) -> tuple[float, float]:
    """Largest and smallest distance between two parallel lines that touch the points."""
    hull = points[ConvexHull(points).vertices]
    length = float(np.sqrt(((hull[:, None] - hull[None]) ** 2).sum(axis=2)).max())
    edges = np.roll(hull, -1, axis=0) - hull
    normals = np.column_stack((-edges[:, 1], edges[:, 0])) / np.hypot(*edges.T)[:, None]
    return length, float(np.ptp(hull @ normals.T, axis=0).min())


def ellipse(centre: Place, long_mm: float, short_mm: float, angle: float) -> Shape:
    a, b = long_mm / 2, short_mm / 2

    def level(x: Array, y: Array) -> Array:
        u, v = _turn(x - centre[0], y - centre[1], angle)
        return np.asarray((np.hypot(u / a, v / b) - 1) * min(a, b))

    t = np.linspace(0, 2 * math.pi, 720, endpoint=False)
    boundary = _place(np.column_stack((a * np.cos(t), b * np.sin(t))), centre, angle)
    return Shape(level, boundary, math.pi * a * b)


def blob(centre: Place, radius: float, waves: Array) -> Shape:
    """An outline with the radius r (1 + sum of a_k cos(k t + p_k)). waves: rows (k, a_k, p_k)."""
    k, amplitude, phase = np.asarray(waves).T
    slope = 1 + float(np.abs(k * amplitude).sum() / (1 - np.abs(amplitude).sum()))

    def radius_at(t: Array) -> Array:
        total = sum(a * np.cos(n * t + p) for n, a, p in zip(k, amplitude, phase, strict=True))
        return np.asarray(radius * (1 + total))

    def level(x: Array, y: Array) -> Array:
        u, v = x - centre[0], y - centre[1]
        return (np.hypot(u, v) - radius_at(np.arctan2(v, u))) / slope

    t = np.linspace(0, 2 * math.pi, 1440, endpoint=False)
    points = np.column_stack((np.cos(t), np.sin(t))) * radius_at(t)[:, None]
    area = math.pi * radius**2 * (1 + 0.5 * float((amplitude**2).sum()))
    return Shape(level, points + np.asarray(centre), area)


def rectangle(centre: Place, long_mm: float, short_mm: float, angle: float) -> Shape:
    def level(x: Array, y: Array) -> Array:
        u, v = _turn(x - centre[0], y - centre[1], angle)
        return np.maximum(np.abs(u) - long_mm / 2, np.abs(v) - short_mm / 2)

    corners = np.array(((-1, -1), (1, -1), (1, 1), (-1, 1))) * (long_mm / 2, short_mm / 2)
    return Shape(level, _place(corners, centre, angle), long_mm * short_mm)


def stroke(start: Place, end: Place, width: float) -> Shape:
    """A straight line with round ends."""
    (x0, y0), (x1, y1) = start, end
    dx, dy = x1 - x0, y1 - y0
    squared = dx * dx + dy * dy

    def level(x: Array, y: Array) -> Array:
        t = np.clip(((x - x0) * dx + (y - y0) * dy) / squared, 0, 1)
        return np.hypot(x - x0 - t * dx, y - y0 - t * dy) - width / 2

    area = width * math.sqrt(squared) + math.pi * width**2 / 4
    return Shape(level, _with_discs(np.array((start, end), float), width / 2), area)


def arc(middle: Place, radius: float, span: float, width: float, direction: float) -> Shape:
    """A line of constant width along a circle, with round ends. middle: the middle of the line.
    span: its angle in radians, below pi. direction: angle from the circle's centre to the middle.
    """
    centre = np.asarray(middle) - radius * np.array((math.cos(direction), math.sin(direction)))
    t = direction + np.linspace(-span / 2, span / 2, 200)
    line = centre + radius * np.column_stack((np.cos(t), np.sin(t)))

    def level(x: Array, y: Array) -> Array:
        u, v = _turn(x - centre[0], y - centre[1], direction)
        beside = np.abs(np.hypot(u, v) - radius)
        ends = np.minimum(
            *(np.hypot(x - line[i, 0], y - line[i, 1]) for i in (0, -1)),
        )
        return np.where(np.abs(np.arctan2(v, u)) <= span / 2, beside, ends) - width / 2

    area = width * radius * span + math.pi * width**2 / 4
    sides = [centre + (line - centre) * (radius + s * width / 2) / radius for s in (-1, 1)]
    ends = _with_discs(line[[0, -1]], width / 2)
    return Shape(level, np.concatenate((*sides, ends)), area)


def union(parts: Sequence[Shape]) -> Shape:
    def level(x: Array, y: Array) -> Array:
        total = parts[0].level(x, y)
        for part in parts[1:]:
            np.minimum(total, part.level(x, y), out=total)
        return total

    boundary = np.concatenate([part.boundary for part in parts])
    return Shape(level, boundary, integrate(level, boundary))


def clip(shape: Shape, outline: Array, size: Place) -> Shape:
    """The part of a shape inside the rectangle (0, 0, width, height). outline: its polygon."""
    for axis, limit, sign in ((0, 0.0, 1), (0, size[0], -1), (1, 0.0, 1), (1, size[1], -1)):
        after = np.roll(outline, -1, axis=0)
        here, there = (sign * (points[:, axis] - limit) for points in (outline, after))
        points: list[Array] = []
        for p, q, a, b in zip(outline, after, here, there, strict=True):
            if a >= 0:
                points.append(p)
            if (a >= 0) != (b >= 0):
                points.append(p + (q - p) * a / (a - b))
        outline = np.array(points)
    x, y = outline.T
    area = abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2
    return replace(shape, boundary=outline, area=area)


def integrate(level: Level, boundary: Array, step: float = 0.05) -> float:
    """Integrates the area inside a level function: cells of `step` mm, 64 points in edge cells."""
    low = boundary.min(axis=0) - step
    columns, rows = np.ceil((np.ptp(boundary, axis=0) + 2 * step) / step).astype(int)
    x, y = np.meshgrid(
        low[0] + (np.arange(columns) + 0.5) * step, low[1] + (np.arange(rows) + 0.5) * step
    )
    return float(share_inside(level, x, y, step).sum()) * step**2


def share_inside(level: Level, x: Array, y: Array, step: float) -> Array:
    """Share of each square cell that is inside. x, y: centres of the cells."""
    values = level(x, y)
    share = (values < 0).astype(np.float64)
    edge = np.abs(values) < 0.75 * step
    dx, dy = np.meshgrid(_SUBGRID * step, _SUBGRID * step)
    inside = level(x[edge][:, None] + dx.ravel(), y[edge][:, None] + dy.ravel()) < 0
    share[edge] = inside.mean(axis=1)
    return share


def _turn(x: Array, y: Array, angle: float) -> tuple[Array, Array]:
    cos, sin = math.cos(angle), math.sin(angle)
    return x * cos + y * sin, y * cos - x * sin


def _place(points: Array, centre: Place, angle: float) -> Array:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.asarray(points @ np.array(((cos, sin), (-sin, cos))) + np.asarray(centre))


def _with_discs(points: Array, radius: float) -> Array:
    t = np.linspace(0, 2 * math.pi, _ARC_POINTS, endpoint=False)
    circle = radius * np.column_stack((np.cos(t), np.sin(t)))
    return np.asarray((points[:, None] + circle[None]).reshape(-1, 2))
