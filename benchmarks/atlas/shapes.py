"""Draws outlines of defects in millimetres and computes their true sizes from the outlines.

This package shares no code with the product, so an error there cannot hide here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Outline = npt.NDArray[np.float64]
"""(n, 2) vertices in mm."""

CIRCLE_VERTICES: Final = 240
MM_PER_PX: Final = 0.1
GAP_MM: Final = 1.0
"""Distance between the two discs of the kind "two"."""

UNION_PX: Final = 4000
"""Side of the raster on which the area of overlapping parts is counted."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A part of a defect. strength: share of the contrast, of either sign. edge_mm: standard
    deviation of a soft edge; the outline is at half of the height of the edge."""

    outline: Outline
    strength: float = 1.0
    edge_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class Shape:
    """A defect with its centre at (0, 0). truths: the outlines of each separate defect."""

    layers: tuple[Layer, ...]
    truths: tuple[tuple[Outline, ...], ...]


@dataclass(frozen=True, slots=True)
class Sizes:
    """area in mm2, length (largest Feret diameter) and width (smallest) in mm."""

    area: float
    length: float
    width: float


def measure_truth(outlines: tuple[Outline, ...]) -> Sizes:
    """Sizes of the union of the outlines."""
    points = np.concatenate(outlines)
    area = _polygon_area(outlines[0]) if len(outlines) == 1 else _union_area(outlines)
    hull = cv2.convexHull(points.astype(np.float32))[:, 0].astype(np.float64)
    gaps = hull[:, None] - hull[None]
    length = float(np.hypot(gaps[..., 0], gaps[..., 1]).max())
    edges = np.roll(hull, -1, axis=0) - hull
    edges = edges[np.hypot(*edges.T) > 0]
    across = np.column_stack((-edges[:, 1], edges[:, 0])) / np.hypot(*edges.T)[:, None]
    extents = hull @ across.T
    return Sizes(area, length, float(np.ptp(extents, axis=0).min()))


def _polygon_area(outline: Outline) -> float:
    x, y = outline.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _union_area(outlines: tuple[Outline, ...]) -> float:
    points = np.concatenate(outlines)
    low = points.min(axis=0)
    scale = (UNION_PX - 2) / float(np.ptp(points, axis=0).max())
    raster = np.zeros((UNION_PX, UNION_PX), np.uint8)
    for outline in outlines:
        vertices = ((outline - low) * scale + 0.5) * 16
        cv2.fillPoly(raster, [np.rint(vertices).astype(np.int32)], 1, shift=4)
    # fillPoly also fills the pixels under the outline: half a pixel too much all around.
    inner = cv2.erode(raster, np.ones((3, 3), np.uint8))
    return (float(raster.sum()) + float(inner.sum())) / 2 / scale**2


def ellipse(length: float, width: float, bumps: tuple[float, ...] = ()) -> Outline:
    """bumps: amplitude and phase of waves of the radius, relative to it."""
    angle = np.linspace(0, 2 * np.pi, CIRCLE_VERTICES, endpoint=False)
    radius = np.ones_like(angle)
    for order, (height, phase) in enumerate(zip(bumps[::2], bumps[1::2], strict=True), start=2):
        radius += height * np.cos(order * angle + phase)
    return (
        np.column_stack((length / 2 * np.cos(angle), width / 2 * np.sin(angle))) * radius[:, None]
    )


def rectangle(length: float, width: float) -> Outline:
    x, y = length / 2, width / 2
    corners = np.array(((-x, -y), (x, -y), (x, y), (-x, y)))
    share = np.arange(30)[:, None] / 30  # many vertices: a tilted camera bends nothing, but samples
    ends = np.roll(corners, -1, axis=0)
    return np.concatenate([a + share * (b - a) for a, b in zip(corners, ends, strict=True)])


def stroke(path: Outline, width: float) -> Outline:
    """A line of constant width with round ends along a path, which must not bend sharply."""
    step = np.gradient(path, axis=0)
    across = np.column_stack((-step[:, 1], step[:, 0])) / np.hypot(*step.T)[:, None] * width / 2
    half = np.linspace(0, np.pi, 24)[1:-1, None]

    def end(centre: Outline, side: Outline) -> Outline:
        ahead = np.array((side[1], -side[0]))
        return np.asarray(centre + np.cos(half) * side + np.sin(half) * ahead)

    return np.concatenate(
        (path + across, end(path[-1], across[-1]), (path - across)[::-1], end(path[0], -across[0]))
    )


def line(length: float, bend: float = 0.0) -> Outline:
    """A path along x. bend: height of its arc over its length."""
    x = np.linspace(-length / 2, length / 2, 80)
    return np.column_stack((x, 4 * bend * length * (0.25 - (x / length) ** 2)))


Make = Callable[[float, np.random.Generator], Shape]
"""Size in mm and random numbers -> shape."""


def _single(outline: Outline) -> Shape:
    return Shape((Layer(outline),), ((outline,),))


def _blob(size: float, rng: np.random.Generator) -> Shape:
    bumps = np.column_stack((rng.uniform(0.02, 0.07, 4), rng.uniform(0, 2 * np.pi, 4))).ravel()
    return _single(ellipse(size, size * rng.uniform(0.6, 1), tuple(bumps)))


def _glossy(size: float, rng: np.random.Generator) -> Shape:
    rim, core = ellipse(size, size), ellipse(0.55 * size, 0.55 * size)
    return Shape((Layer(rim, -1.0), Layer(core, 2.0)), ((rim,),))


def _composite(size: float, rng: np.random.Generator) -> Shape:
    disc = ellipse(size / 3, size / 3)
    path = line(size * 0.72) + np.array((size * 0.44, 0.0))
    scratch = stroke(path, max(size / 18, 0.3))
    middle = np.array((size / 3, 0.0))
    parts = (disc - middle, scratch - middle)
    return Shape(tuple(map(Layer, parts)), (parts,))


def _two(size: float, rng: np.random.Generator) -> Shape:
    shift = np.array(((size + GAP_MM) / 2, 0.0))
    discs = ellipse(size, size) - shift, ellipse(size, size) + shift
    return Shape(tuple(map(Layer, discs)), tuple((disc,) for disc in discs))


def _soft(size: float, rng: np.random.Generator) -> Shape:
    outline = ellipse(size, size)
    return Shape((Layer(outline, edge_mm=size * rng.uniform(0.06, 0.15)),), ((outline,),))


def _shadow(size: float, rng: np.random.Generator) -> Shape:
    """A defect at the border of a shadow, which is not part of it."""
    outline = ellipse(size, 0.7 * size)
    far = ellipse(5 * size + 12, 3 * size + 8) + np.array((2 * size + 4, 0.0))
    dark = Layer(far, strength=math.nan, edge_mm=3.0)
    return Shape((Layer(outline), dark), ((outline,),))


def _crack(size: float, rng: np.random.Generator) -> Shape:
    """A winding line with one branch, 2 to 4 px wide."""
    width = rng.uniform(2, 4) * MM_PER_PX
    x = np.linspace(-size / 2, size / 2, 120)
    waves = [
        rng.uniform(0.3, 1) * size * 0.05 / k * np.sin(2 * np.pi * k * x / size + rng.uniform(0, 6))
        for k in (1, 2, 3)
    ]
    main = np.column_stack((x, np.sum(waves, axis=0)))
    start = main[int(rng.integers(45, 75))]
    angle = rng.choice((-1, 1)) * rng.uniform(0.6, 1.1)
    reach = np.linspace(0, 0.3 * size, 40)[:, None]
    branch = start + reach * np.array((math.cos(angle), math.sin(angle)))
    parts = stroke(main, width), stroke(branch, 0.8 * width)
    return Shape(tuple(map(Layer, parts)), (parts,))


def _scratch(size: float, rng: np.random.Generator) -> Shape:
    return _single(stroke(line(size), rng.uniform(2.5, 6) * MM_PER_PX))


def _thin(size: float, rng: np.random.Generator) -> Shape:
    return _single(stroke(line(size), rng.uniform(1.5, 2.5) * MM_PER_PX))


def _curved(size: float, rng: np.random.Generator) -> Shape:
    return _single(stroke(line(size, rng.uniform(0.08, 0.25)), rng.uniform(2, 6) * MM_PER_PX))


def _across(size: float, rng: np.random.Generator) -> Shape:
    """A scratch across the whole frame. `size` is not used."""
    return _single(stroke(line(200.0), rng.uniform(2, 6) * MM_PER_PX))


KINDS: Final[dict[str, Make]] = {
    "disc": lambda size, rng: _single(ellipse(size, size)),
    "ellipse": lambda size, rng: _single(ellipse(size, size * rng.uniform(0.35, 0.7))),
    "blob": _blob,
    "square": lambda size, rng: _single(rectangle(size, size)),
    "rectangle": lambda size, rng: _single(rectangle(size, size * rng.uniform(0.25, 0.5))),
    "glossy": _glossy,
    "composite": _composite,
    "two": _two,
    "soft": _soft,
    "shadow": _shadow,
    "colour": lambda size, rng: _single(ellipse(size, size * rng.uniform(0.5, 1))),
    "scratch": _scratch,
    "thin": _thin,
    "curved": _curved,
    "crack": _crack,
    "across": _across,
}
LONG: Final = ("composite", "scratch", "thin", "curved", "crack")
"""Kinds that are twice as long as the others of a size."""
