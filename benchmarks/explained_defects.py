"""Renders defects of known kind, place and size for the benchmark of the explanations."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.atlas import shapes
from benchmarks.atlas.kinds import KINDS, Draw, Layer, TrueDefect, draw_defect
from benchmarks.atlas.scene import FRAME_HW, MM_PER_PX, Canvas, Scene, compose, view_plane

CONTRASTS: Final = (0.12, 0.25, 0.5)
FRAME_MM: Final = (FRAME_HW[1] * MM_PER_PX, FRAME_HW[0] * MM_PER_PX)

WRITING: Final = ("painted", "weave", "wood", "cardboard")
"""Textures that were looked at while the rules were written."""

UNSEEN: Final = ("brushed", "concrete", "grass", "leather")
"""Textures that no rule was tried on before the figures of docs/figures.md."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """kind: the true kind of what `draw` renders."""

    kind: str
    draw: Callable[[Draw], TrueDefect]


def _draw_atlas(name: str) -> Callable[[Draw], TrueDefect]:
    def draw(values: Draw) -> TrueDefect:
        return draw_defect(name, values)

    return draw


def _draw_hole(draw: Draw) -> TrueDefect:
    """Little light comes back, and nothing of the texture."""
    short = draw.size * draw.rng.uniform(0.6, 1)
    shape = shapes.ellipse(draw.centre, draw.size, short, draw.angle)
    gain = -float(draw.rng.uniform(0.65, 0.85))
    return TrueDefect((Layer(shape, (gain,) * 3),), (shape,), shape, opaque=True)


def _draw_foreign(draw: Draw) -> TrueDefect:
    """A coloured thread, or a coloured flake that is also darker or brighter. The contrast of the
    draw decides how far the channels change."""
    strength = max(abs(draw.contrast), 0.25)
    if draw.rng.integers(2):
        span = draw.rng.uniform(0.4, 1.6)
        length, width = draw.rng.uniform(8, 20), draw.rng.uniform(0.4, 0.9)
        direction = draw.rng.uniform(0, 2 * math.pi)
        shape = shapes.arc(draw.centre, length / span, span, width, direction)
        change = draw.rng.permutation((1.0, draw.rng.uniform(-1, -0.3), -1.0))
    else:
        short = draw.size * draw.rng.uniform(0.5, 1)
        shape = shapes.ellipse(draw.centre, draw.size, short, draw.angle)
        change = -draw.rng.permutation((1.0, draw.rng.uniform(0.4, 0.7), 0.0))
    blue, green, red = (strength * change).tolist()
    layer = Layer(shape, (blue, green, red))
    return TrueDefect((layer,), (shape,), shape, opaque=True)


RENDERINGS: Final[dict[str, Rendering]] = {
    "compact": Rendering("spot", _draw_atlas("compact")),
    "square": Rendering("spot", _draw_atlas("square")),
    "shadow": Rendering("spot", _draw_atlas("shadow")),
    "soft": Rendering("stain", _draw_atlas("soft")),
    "scratch": Rendering("scratch", _draw_atlas("scratch")),
    "curved": Rendering("scratch", _draw_atlas("curved")),
    "across": Rendering("scratch", _draw_atlas("across")),
    "crack": Rendering("crack", _draw_atlas("crack")),
    "colour": Rendering("discolouration", _draw_atlas("colour")),
    "glossy": Rendering("dent", _draw_atlas("glossy")),
    "hole": Rendering("hole", _draw_hole),
    "foreign": Rendering("contamination", _draw_foreign),
}
"""All renderings with a single kind. "shadow" is a spot in a soft shadow that is no defect."""

_SIZES: Final = {"hole": (2.0, 4.0, 8.0), "foreign": (2.0, 4.0, 8.0)}


def render(
    name: str, texture: str, seed: int, contrasts: tuple[float, ...] = CONTRASTS
) -> tuple[Scene, TrueDefect]:
    """A frame with one defect. The same arguments give the same frame."""
    rng = np.random.default_rng((seed, *name.encode(), *texture.encode()))
    sizes = _SIZES.get(name) or KINDS[name].sizes
    margin = 12.0
    centre = rng.uniform((margin, margin), np.array(FRAME_MM) - margin)
    if name == "across":
        centre[0] = FRAME_MM[0] / 2
    contrast = float(rng.choice(contrasts)) * float(rng.choice((-1, 1)))
    draw = Draw(rng, centre, float(rng.choice(sizes)), contrast, FRAME_MM)
    defect = RENDERINGS[name].draw(draw)
    scene = compose((defect,), Canvas(view_plane(0.0, 0.0)), texture, rng)
    return scene, defect


def find_centroid(defect: TrueDefect) -> tuple[float, float]:
    """Centre of mass of the true shape, in mm."""
    step = 0.1
    low, high = defect.whole.boundary.min(axis=0), defect.whole.boundary.max(axis=0)
    x, y = np.meshgrid(
        np.arange(low[0], high[0] + step, step), np.arange(low[1], high[1] + step, step)
    )
    share = shapes.share_inside(defect.whole.level, x, y, step)
    return float((x * share).sum() / share.sum()), float((y * share).sum() / share.sum())
