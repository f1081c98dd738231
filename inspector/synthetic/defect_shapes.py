"""Makes outlines of textile defects and measures them by calipers."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.geometry import Points

Floats = npt.NDArray[np.float64]

KINDS = ("hole", "scratch", "stain", "missing_yarn", "foreign_yarn", "slub")

SIZES_MM: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "hole": ((2.0, 12.0), (1.5, 10.0)),
    "scratch": ((6.0, 40.0), (0.3, 1.0)),
    "stain": ((4.0, 20.0), (3.0, 14.0)),
    "missing_yarn": ((15.0, 60.0), (0.8, 2.0)),
    "foreign_yarn": ((8.0, 25.0), (0.4, 0.9)),
    "slub": ((6.0, 20.0), (1.0, 3.0)),
}
"""Kind -> ranges of random sizes: (least, most) length and (least, most) thickness in mm."""


def polygon_area(polygon: Points) -> float:
    """Area of a simple polygon, in the square of the unit of its vertices; (n, 2), open."""
    x, y = (polygon - polygon[0]).T
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def polygon_centroid(polygon: Points) -> tuple[float, float]:
    """Centre of mass of a simple polygon with an area above 0."""
    origin = polygon.mean(axis=0)
    x, y = (polygon - origin).T
    cross = x * np.roll(y, -1) - np.roll(x, -1) * y
    weight = 3 * cross.sum()
    cx = float(((x + np.roll(x, -1)) * cross).sum() / weight + origin[0])
    cy = float(((y + np.roll(y, -1)) * cross).sum() / weight + origin[1])
    return cx, cy


def feret(polygon: Points) -> tuple[float, float]:
    """Largest and smallest caliper width of a polygon.

    The largest is the distance of two corners of the convex hull. For the smallest, an edge of the
    hull touches one jaw.
    """
    indices = cv2.convexHull(
        (polygon - polygon.mean(axis=0)).astype(np.float32), returnPoints=False
    )
    hull = polygon[indices[:, 0]]
    gaps = hull[:, None, :] - hull[None, :, :]
    longest = float(np.sqrt((gaps**2).sum(axis=2).max()))
    edges = np.roll(hull, -1, axis=0) - hull
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    edges, lengths, corners = edges[lengths > 0], lengths[lengths > 0], hull[lengths > 0]
    away = corners[:, None, :] - hull[None, :, :]
    heights = np.abs(edges[:, None, 0] * away[..., 1] - edges[:, None, 1] * away[..., 0])
    return longest, float((heights.max(axis=1) / lengths).min())


def blob(length: float, width: float, rng: np.random.Generator, roughness: float) -> Points:
    """An ellipse with 2nd to 5th harmonics of at most `roughness`, scaled to the exact length."""
    angles = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    radius = np.ones_like(angles)
    for order in range(2, 6):
        amplitude = rng.uniform(0, roughness) / (order - 1)
        radius += amplitude * np.cos(order * angles + rng.uniform(0, 2 * np.pi))
    outline = np.stack((radius * np.cos(angles), radius * np.sin(angles) * width / length), axis=1)
    return outline * (length / feret(outline)[0])


def _ribbon(centre_line: Points, half_widths: Floats) -> Points:
    """Outline of a line of varying thickness: (n, 2) and (n,) -> (2n, 2)."""
    along = np.gradient(centre_line, axis=0)
    along /= np.hypot(along[:, 0], along[:, 1])[:, None]
    normal = np.stack((-along[:, 1], along[:, 0]), axis=1) * half_widths[:, None]
    return np.concatenate((centre_line + normal, (centre_line - normal)[::-1]))


def _line(length: float, bend: Floats, count: int = 48) -> Points:
    """A line along x, bent by (bend[0] * cos + bend[1] * sin) * length."""
    t = np.linspace(-0.5, 0.5, count)
    height = bend[0] * np.cos(np.pi * t) + bend[1] * np.sin(2 * np.pi * t)
    return np.stack((t * length, height * length), axis=1)


def _rounded_widths(count: int, length: float, width: float) -> Floats:
    """Half widths of a line of constant thickness with round ends."""
    from_end = length * (0.5 - np.abs(np.linspace(-0.5, 0.5, count)))
    missing = np.clip(1 - from_end / (width / 2), 0, 1)
    return np.maximum(width / 2 * np.sqrt(1 - missing**2), 0.02 * width)


def _hole(length: float, width: float, rng: np.random.Generator) -> Points:
    return blob(length, width, rng, roughness=0.10)


def _stain(length: float, width: float, rng: np.random.Generator) -> Points:
    return blob(length, width, rng, roughness=0.16)


def _scratch(length: float, width: float, rng: np.random.Generator) -> Points:
    bend = np.array((rng.choice((0.0, 1.0)) * rng.uniform(-0.06, 0.06), 0.0))
    line = _line(length, bend)
    return _ribbon(line, _rounded_widths(len(line), length, width))


def _foreign_yarn(length: float, width: float, rng: np.random.Generator) -> Points:
    bend = np.array((rng.uniform(-0.25, 0.25), rng.choice((-1.0, 1.0)) * rng.uniform(0.05, 0.15)))
    line = _line(length, bend, count=96)
    return _ribbon(line, _rounded_widths(len(line), length, width))


def _missing_yarn(length: float, width: float, rng: np.random.Generator) -> Points:
    x, y = length / 2, width / 2
    return np.array(((-x, -y), (x, -y), (x, y), (-x, y)))


def _slub(length: float, width: float, rng: np.random.Generator) -> Points:
    line = _line(length, np.array((rng.uniform(-0.03, 0.03), 0.0)))
    t = np.linspace(-0.5, 0.5, len(line))
    return _ribbon(line, np.maximum(width / 2 * np.cos(np.pi * t) ** 1.5, 0.02 * width))


_OUTLINES: dict[str, Callable[[float, float, np.random.Generator], Points]] = {
    "hole": _hole,
    "scratch": _scratch,
    "stain": _stain,
    "missing_yarn": _missing_yarn,
    "foreign_yarn": _foreign_yarn,
    "slub": _slub,
}


def outline(
    kind: str, length: float, width: float, angle_deg: float, rng: np.random.Generator
) -> Points:
    """Makes an outline of a kind with its centroid at the origin, in the unit of its length.

    length: along the defect. The calipers of bent kinds are slightly longer or shorter, so take the
    true size from feret() and polygon_area(). angle_deg: 0 along x, towards y down.
    """
    if kind not in _OUTLINES:
        raise ValueError(f"defect kind {kind!r} is unknown; known are {', '.join(KINDS)}")
    if not length >= width > 0:
        raise ValueError(f"a {kind} of length {length} and width {width} has no shape")
    points = _OUTLINES[kind](length, width, rng)
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    turned = points @ np.array(((c, s), (-s, c)))
    return turned - np.array(polygon_centroid(turned))
