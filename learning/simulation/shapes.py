"""Makes the shapes of simulated defects, and draws them with soft edges at any resolution.

Lengths are shares of the short side of the picture, so a shape is the same at every resolution.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Map
from inspector.core.geometry import Box, Points
from inspector.synthetic.defect_shapes import blob, feret

FINENESS: Final = 1024
"""Shapes are drawn on a grid with at least this many points along the short side, and averaged."""

SUBPIXEL_BITS: Final = 4


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line of varying width. points: (n, 2). widths: (n - 1,) of its parts."""

    points: Points
    widths: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shape:
    """Lines, or an area with the outline (n, 2), around the origin. width: of the widest line, or
    roughly of the area."""

    width: float
    strokes: tuple[Stroke, ...] = ()
    outline: Points | None = None

    @property
    def points(self) -> Points:
        lines = [stroke.points for stroke in self.strokes]
        return np.concatenate(lines if self.outline is None else [*lines, self.outline])


def make_shape(kind: str, size: float, rng: np.random.Generator) -> Shape:
    """A shape of a kind of plans.KINDS, turned at random; its longest extent is `size`."""
    return _SHAPES[kind](size, rng)


def draw(shape: Shape, box: Box, centre: tuple[float, float], short_side: int) -> Map:
    """Share of each pixel of the box that the shape covers, 0..1.

    box: in pixels of a picture with this short side. centre: of the shape, as shares of the short
    side.
    """
    fine = max(2, -(-FINENESS // short_side))
    width, height = (box[2] - box[0]) * fine, (box[3] - box[1]) * fine
    canvas = np.zeros((height, width), np.uint8)
    corner = np.array(box[:2]) * fine
    scale = short_side * fine

    def fixed(points: Points) -> npt.NDArray[np.int32]:
        at = (points + centre) * scale - corner - 0.5
        return np.rint(at * 2**SUBPIXEL_BITS).astype(np.int32)

    if shape.outline is not None:
        cv2.fillPoly(canvas, [fixed(shape.outline)], 255, shift=SUBPIXEL_BITS)
    for stroke in shape.strokes:
        ends = fixed(stroke.points).tolist()
        for start, end, wide in zip(ends[:-1], ends[1:], stroke.widths, strict=True):
            thickness = max(1, round(float(wide) * scale))
            cv2.line(canvas, start, end, 255, thickness, cv2.LINE_8, SUBPIXEL_BITS)
    small = cv2.resize(canvas, (box[2] - box[0], box[3] - box[1]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def blur(values: npt.NDArray[np.float32], sigma_px: float) -> npt.NDArray[np.float32]:
    """Gaussian blur of (h, w) or (h, w, 3); below a fifth of a pixel, the values themselves."""
    if sigma_px < 0.2:
        return values
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px), np.float32)


def cloud(hw: tuple[int, int], cells: int, rng: np.random.Generator) -> Map:
    """(h, w) smooth random values in [0, 1], the same for every resolution. cells: of the lattice
    along each side."""
    lattice = rng.random((cells, cells), np.float32)
    smooth = cv2.resize(lattice, (hw[1], hw[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(np.asarray(smooth, np.float32), 0, 1)


def _scratch(size: float, rng: np.random.Generator) -> Shape:
    """One line or a few parallel ones, thin at their ends."""
    count = int(rng.choice((1, 1, 1, 2, 3)))
    width = rng.uniform(0.004, 0.009)
    bend = rng.uniform(-0.12, 0.12)
    t = np.linspace(-0.5, 0.5, 17)
    strokes = []
    for number in range(count):
        share = 1.0 if number == 0 else rng.uniform(0.4, 0.9)
        along = t * share + rng.uniform(-0.5, 0.5) * (1 - share)
        across = bend * (0.25 - along**2) + number * (2.5 * width / size + rng.uniform(0, 0.05))
        strokes.append(Stroke(np.stack((along, across), 1) * size, width * _taper(16)))
    return _turned(strokes, size, rng)


def _crack(size: float, rng: np.random.Generator) -> Shape:
    """A jagged way with branches, often thinner than a pixel."""
    width = rng.uniform(0.003, 0.007)
    steps = 8 + round(size * 60)
    trunk = _walk(steps, rng.uniform(0.25, 0.5), 0.0, rng)
    strokes = [Stroke(trunk, width * _taper(steps))]
    for _ in range(int(rng.integers(0, 4))):
        start = int(rng.integers(1, steps - 1))
        length = max(2, round((steps - start) * rng.uniform(0.2, 0.6)))
        heading = rng.choice((-1.0, 1.0)) * rng.uniform(0.5, 1.1)
        branch = trunk[start] + _walk(length, 0.4, heading, rng)
        strokes.append(Stroke(branch, 0.7 * width * np.linspace(1, 0.4, length)))
    return _turned(strokes, size, rng)


def _fibre(size: float, rng: np.random.Generator) -> Shape:
    """A thread whose curvature changes slowly."""
    knots = rng.normal(0, 1.0, 5)
    curvature = np.interp(np.linspace(0, 4, 32), np.arange(5), knots)
    heading = np.cumsum(curvature) * rng.uniform(0.05, 0.2)
    way = np.cumsum(np.stack((np.cos(heading), np.sin(heading)), 1), axis=0)
    return _turned([Stroke(way, np.full(31, rng.uniform(0.005, 0.01)))], size, rng)


def _walk(steps: int, jag: float, heading: float, rng: np.random.Generator) -> Points:
    """(steps + 1, 2): a way from the origin that keeps its direction roughly."""
    turns = heading + np.cumsum(rng.normal(0, 0.12, steps)) + rng.normal(0, jag, steps)
    lengths = rng.uniform(0.5, 1.5, steps)[:, None]
    way = np.cumsum(np.stack((np.cos(turns), np.sin(turns)), 1) * lengths, axis=0)
    return np.concatenate((np.zeros((1, 2)), way))


def _taper(count: int) -> npt.NDArray[np.float64]:
    return 0.4 + 0.6 * np.sin(np.pi * (np.arange(count) + 0.5) / count)


def _turned(strokes: list[Stroke], size: float, rng: np.random.Generator) -> Shape:
    """Turns lines at random, and scales and moves them to their longest extent and the origin."""
    points = np.concatenate([stroke.points for stroke in strokes])
    scale = size / feret(points)[0]
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    turn = _rotation(rng.uniform(0, np.pi))
    moved = [Stroke((each.points - middle) @ turn * scale, each.widths) for each in strokes]
    return Shape(max(float(each.widths.max()) for each in moved), tuple(moved))


def _make_blob(roughness: float, slimmest: float) -> Callable[[float, np.random.Generator], Shape]:
    def make(size: float, rng: np.random.Generator) -> Shape:
        width = size * rng.uniform(slimmest, 1.0)
        outline = blob(size, width, rng, roughness)
        return Shape(width, outline=outline @ _rotation(rng.uniform(0, np.pi)))

    return make


def _chip(size: float, rng: np.random.Generator) -> Shape:
    """A particle with straight edges, or a round one."""
    if rng.random() < 0.4:
        return _make_blob(0.15, 0.5)(size, rng)
    angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(5, 9))))
    radii = rng.uniform(0.5, 1.0, len(angles))
    corners = np.stack((np.cos(angles), np.sin(angles) * rng.uniform(0.5, 1.0)), 1)
    corners *= radii[:, None]
    hull = cv2.convexHull(corners.astype(np.float32))[:, 0].astype(np.float64)
    hull -= hull.mean(axis=0)
    longest, width = feret(hull)
    outline = hull @ _rotation(rng.uniform(0, np.pi)) * (size / longest)
    return Shape(width * size / longest, outline=outline)


def _rectangle(size: float, rng: np.random.Generator) -> Shape:
    """An upright rectangle, or a slim one at any angle (the scar of CutPaste)."""
    upright = rng.random() < 0.6
    slimness = rng.uniform(0.4, 1.0) if upright else rng.uniform(0.12, 0.3)
    turn = rng.choice((0.0, np.pi / 2)) if upright else rng.uniform(0, np.pi)
    corners = np.array(((-1, -1), (1, -1), (1, 1), (-1, 1))) * (1.0, slimness)
    scale = size / np.hypot(2, 2 * slimness)
    return Shape(2 * slimness * scale, outline=corners @ _rotation(turn) * scale)


def _rotation(turn: float) -> Points:
    return np.array(((np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))))


_SHAPES: Final[dict[str, Callable[[float, np.random.Generator], Shape]]] = {
    "scratch": _scratch,
    "crack": _crack,
    "fibre": _fibre,
    "stain": _make_blob(0.25, 0.5),
    "hole": _make_blob(0.12, 0.6),
    "foreign": _chip,
    "missing": _make_blob(0.3, 0.5),
    "displaced": _rectangle,
}
