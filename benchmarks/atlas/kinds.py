"""Draws random defects of each kind. A defect has layers to paint, and parts with true sizes."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.atlas import shapes
from benchmarks.atlas.shapes import Array, Shape
from benchmarks.atlas.textures import Rng

BGR_TO_LUMINANCE = np.array((0.114, 0.587, 0.299))
GAP_MM = 1.0


@dataclass(frozen=True, slots=True)
class Layer:
    """gain: relative change of B, G, R where the shape covers the picture. soft: standard deviation
    of its edge in mm, 0 for sharp."""

    shape: Shape
    gain: tuple[float, float, float]
    soft: float = 0.0


@dataclass(frozen=True, slots=True)
class TrueDefect:
    """parts: the shapes whose sizes are to be reported, each for one row. whole: all of them.
    opaque: the texture does not show through. shade: (x, y, radius, gain) of soft illumination."""

    layers: tuple[Layer, ...]
    parts: tuple[Shape, ...]
    whole: Shape
    opaque: bool = False
    shade: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Draw:
    """What a kind needs: a generator, the centre (mm), its size (mm), and the signed contrast."""

    rng: Rng
    centre: Array
    size: float
    contrast: float
    frame_mm: tuple[float, float]

    @property
    def angle(self) -> float:
        return float(self.rng.uniform(0, math.pi))


def draw_defect(kind: str, draw: Draw) -> TrueDefect:
    return KINDS[kind].draw(draw)


def _compact_shape(draw: Draw) -> Shape:
    choice = draw.rng.integers(3)
    if choice == 0:
        return shapes.ellipse(draw.centre, draw.size, draw.size, 0.0)
    if choice == 1:
        short = draw.size * draw.rng.uniform(0.5, 0.9)
        return shapes.ellipse(draw.centre, draw.size, short, draw.angle)
    waves = [
        (k, draw.rng.uniform(0.02, 0.12) / (k - 1), draw.rng.uniform(0, 6.28)) for k in (2, 3, 4, 5)
    ]
    return shapes.blob(draw.centre, draw.size / 2, np.array(waves))


def _plain(draw: Draw, shape: Shape, *, opaque: bool | None = None) -> TrueDefect:
    if opaque is None:
        opaque = bool(draw.rng.integers(2))
    return TrueDefect((Layer(shape, (draw.contrast,) * 3),), (shape,), shape, opaque)


def _compact(draw: Draw) -> TrueDefect:
    return _plain(draw, _compact_shape(draw))


def _glossy(draw: Draw) -> TrueDefect:
    """A dark rim around a core that is as much brighter than the texture as the rim is darker."""
    depth = abs(draw.contrast)
    rim = shapes.ellipse(draw.centre, draw.size, draw.size * draw.rng.uniform(0.8, 1), draw.angle)
    share = draw.rng.uniform(0.35, 0.6) * draw.size
    core = shapes.ellipse(draw.centre, share, share, 0.0)
    layers = Layer(rim, (-depth,) * 3), Layer(core, (2 * depth,) * 3)
    return TrueDefect(layers, (rim,), rim, bool(draw.rng.integers(2)))


def _composite(draw: Draw) -> TrueDefect:
    """A disc with a scratch that touches it."""
    angle = draw.rng.uniform(0, 2 * math.pi)
    along = np.array((math.cos(angle), math.sin(angle)))
    reach = draw.size * draw.rng.uniform(0.9, 1.8)
    disc_centre = draw.centre - along * reach / 2
    disc = shapes.ellipse(disc_centre, draw.size, draw.size, 0.0)
    start = disc_centre + along * 0.4 * draw.size
    width = max(0.3, draw.size * draw.rng.uniform(0.12, 0.2))
    scratch = shapes.stroke(start, start + along * (0.1 * draw.size + reach), width)
    return _plain(draw, shapes.union((disc, scratch)))


def _two(draw: Draw) -> TrueDefect:
    angle = draw.angle
    sizes = draw.size * draw.rng.uniform(0.8, 1.2, 2)
    step = np.array((math.cos(angle), math.sin(angle))) * (sizes.sum() / 2 + GAP_MM) / 2
    discs = tuple(
        shapes.ellipse(draw.centre + sign * step, size, size, 0.0)
        for sign, size in zip((-1, 1), sizes, strict=True)
    )
    boundary = np.concatenate([disc.boundary for disc in discs])
    pair = shapes.union(discs)
    whole = Shape(pair.level, boundary, sum(disc.area for disc in discs))
    layers = tuple(Layer(disc, (draw.contrast,) * 3) for disc in discs)
    return TrueDefect(layers, discs, whole, bool(draw.rng.integers(2)))


def _square(draw: Draw) -> TrueDefect:
    short = draw.size * (1.0 if draw.rng.integers(2) else draw.rng.uniform(0.4, 1.0))
    return _plain(draw, shapes.rectangle(draw.centre, draw.size, short, draw.angle))


def _soft(draw: Draw) -> TrueDefect:
    """A stain. The true edge is where half of its depth is reached."""
    short = draw.size * draw.rng.uniform(0.8, 1)
    shape = shapes.ellipse(draw.centre, draw.size, short, draw.angle)
    soft = float(draw.rng.uniform(0.04, 0.16)) * draw.size
    layer = Layer(shape, (draw.contrast,) * 3, soft)
    return TrueDefect((layer,), (shape,), shape)


def _scratch(draw: Draw) -> TrueDefect:
    length, angle = draw.rng.uniform(8, 20), draw.angle
    half = np.array((math.cos(angle), math.sin(angle))) * length / 2
    return _plain(draw, shapes.stroke(draw.centre - half, draw.centre + half, draw.size))


def _curved(draw: Draw) -> TrueDefect:
    length, span = draw.rng.uniform(8, 20), draw.rng.uniform(0.4, 1.6)
    direction = draw.rng.uniform(0, 2 * math.pi)
    return _plain(draw, shapes.arc(draw.centre, length / span, span, draw.size, direction))


def _across(draw: Draw) -> TrueDefect:
    """A scratch from side to side, straight or slightly curved. The frame cuts both of its ends."""
    angle, reach = math.radians(draw.rng.uniform(-2.5, 2.5)), 1.2 * draw.frame_mm[0]
    if draw.rng.integers(2):
        half = np.array((math.cos(angle), math.sin(angle))) * reach / 2
        shape = shapes.stroke(draw.centre - half, draw.centre + half, draw.size)
        beside = np.array((-half[1], half[0])) / np.hypot(*half) * draw.size / 2
        ends = draw.centre - half, draw.centre + half
        outline = np.array((ends[0] - beside, ends[1] - beside, ends[1] + beside, ends[0] + beside))
    else:
        span = draw.rng.uniform(0.05, 0.12)
        direction = angle + math.pi / 2 * draw.rng.choice((-1, 1))
        shape = shapes.arc(draw.centre, reach / span, span, draw.size, direction)
        sides = shape.boundary[:400].reshape(2, 200, 2)
        outline = np.concatenate((sides[0], sides[1][::-1]))
    return _plain(draw, shapes.clip(shape, outline, draw.frame_mm))


def _crack(draw: Draw) -> TrueDefect:
    """A line with five bends, and one or two branches. size: its width."""
    length, heading = draw.rng.uniform(8, 18), draw.rng.uniform(0, 2 * math.pi)
    forward = np.array((math.cos(heading), math.sin(heading)))
    trunk = _walk(draw, draw.centre - forward * length / 2, heading, length, 6)
    lines = [trunk]
    for joint in draw.rng.choice((2, 3, 4), draw.rng.integers(1, 3), replace=False):
        turn = heading + draw.rng.choice((-1, 1)) * draw.rng.uniform(0.6, 1.1)
        lines.append(_walk(draw, trunk[joint], turn, 0.35 * length, 3))
    segments = [
        shapes.stroke(a, b, draw.size) for line in lines for a, b in itertools.pairwise(line)
    ]
    return _plain(draw, shapes.union(segments))


def _walk(draw: Draw, start: Array, heading: float, length: float, steps: int) -> Array:
    angles = heading + draw.rng.uniform(-0.5, 0.5, steps)
    moves = np.column_stack((np.cos(angles), np.sin(angles))) * length / steps
    return np.asarray(start + np.vstack((np.zeros(2), np.cumsum(moves, axis=0))))


def _colour(draw: Draw) -> TrueDefect:
    """Another colour with the same luminance. Contrast: the length of the change in B, G, R."""
    random = draw.rng.standard_normal(3)
    change = random - BGR_TO_LUMINANCE * (random @ BGR_TO_LUMINANCE) / (BGR_TO_LUMINANCE**2).sum()
    blue, green, red = (change / np.linalg.norm(change) * abs(draw.contrast)).tolist()
    shape = _compact_shape(draw)
    return TrueDefect((Layer(shape, (blue, green, red)),), (shape,), shape)


def _shadow(draw: Draw) -> TrueDefect:
    """A compact defect in a soft change of the illumination that is much larger."""
    plain = _compact(draw)
    radius = draw.size * draw.rng.uniform(1.5, 2.5) + 2
    x, y = draw.centre + draw.rng.uniform(-0.5, 0.5, 2) * radius
    gain = draw.rng.choice((-1, 1)) * draw.rng.uniform(0.08, 0.2)
    return TrueDefect(
        plain.layers, plain.parts, plain.whole, plain.opaque, (float(x), float(y), radius, gain)
    )


@dataclass(frozen=True, slots=True)
class Kind:
    """sizes: small, medium, large in mm: the length, or the width of lines."""

    draw: Callable[[Draw], TrueDefect]
    sizes: tuple[float, float, float]


KINDS: dict[str, Kind] = {
    "compact": Kind(_compact, (1.5, 4.0, 10.0)),
    "glossy": Kind(_glossy, (2.0, 5.0, 10.0)),
    "composite": Kind(_composite, (2.0, 4.0, 7.0)),
    "two": Kind(_two, (2.0, 4.0, 7.0)),
    "square": Kind(_square, (2.0, 5.0, 10.0)),
    "soft": Kind(_soft, (4.0, 8.0, 14.0)),
    "scratch": Kind(_scratch, (0.15, 0.3, 0.6)),
    "curved": Kind(_curved, (0.15, 0.3, 0.6)),
    "across": Kind(_across, (0.15, 0.3, 0.6)),
    "crack": Kind(_crack, (0.15, 0.3, 0.6)),
    "colour": Kind(_colour, (1.5, 4.0, 10.0)),
    "shadow": Kind(_shadow, (1.5, 4.0, 10.0)),
}
