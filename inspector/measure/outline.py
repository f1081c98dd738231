"""From an edge at frame resolution to outlines with sizes that say how sure they are."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from inspector.core.geometry import Points
from inspector.measure import shape
from inspector.measure.contours import iso_regions
from inspector.measure.edges import Edge
from inspector.measure.patch import Patch
from inspector.measure.smoothing import Floats, grown

LEVEL_STEP: Final = 0.1
"""Sizes at 40 % and 60 % of the amplitude show how sharp the edge is."""

EDGE_U_PX: Final = 0.25
"""Standard uncertainty of where a sharp edge lies, in pixels of the patch."""

IDENTITY_U: Final = 0.4
"""Relative standard uncertainty of a size per surprise: what hardly differs from the texture is
easily followed into it."""

THIN: Final = 5.0
"""Length over width from where the width is compared with area over length."""

ROUGHNESS_U: Final = 3.5
"""Standard uncertainty of the width in units of the outline's roughness: the jaws of a caliper
rest on its highest points."""

ROUGHNESS_VERTICES: Final = 21

HOLE_SHARE: Final = 0.05
PIECE_SHARE: Final = 0.02
"""Holes and pieces below these shares of the largest piece are taken for texture."""

JOIN: Final = 0.5
"""Pieces with a gap of at most this part of the longer one's length are one defect."""

_VERTICES: Final = 128


@dataclass(frozen=True, slots=True)
class Outline:
    """polygons: frame pixels, outer ones first. *_u_px: standard uncertainties. parts: into how
    many defects the region of the map was split."""

    polygons: tuple[Points, ...]
    holes: int
    area_u_px: float
    length_u_px: float
    width_u_px: float
    parts: int = 1

    @property
    def outer(self) -> Points:
        """The vertices of all outer polygons, (n, 2)."""
        return np.concatenate(self.polygons[: len(self.polygons) - self.holes])


@dataclass(frozen=True, slots=True)
class Unrefined:
    """reason: half a sentence for the report."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """rings: the outer polygon, then holes."""

    rings: tuple[Points, ...]

    @property
    def area(self) -> float:
        return shape.region_area(self.rings, len(self.rings) - 1)


def outlines(patch: Patch, edge: Edge, contrast: Floats, surprise: float) -> list[Outline]:
    """The defects within one edge; none where nothing is left at its level.

    Every piece of the edge stood out by itself. Pieces that lie close, as those of a scratch that
    fades in between, stay one defect; others become defects of their own.
    """
    pieces = _pieces(patch, edge, contrast, edge.level)
    wide = _pieces(patch, edge, contrast, edge.level - LEVEL_STEP * edge.amplitude)
    narrow = _pieces(patch, edge, contrast, edge.level + LEVEL_STEP * edge.amplitude)
    sharpness = _sharpness(pieces, wide, narrow)
    groups = _groups(pieces)
    return [_outline(group, patch, sharpness, surprise, len(groups)) for group in groups]


def _pieces(patch: Patch, edge: Edge, contrast: Floats, level: float) -> list[_Piece]:
    """What was cut off the mask although it is above the edge's level stays cut off."""
    cut_off = ~edge.mask & (contrast >= edge.level)
    outside = cut_off | ~grown(edge.mask, 1.5)
    values = np.where(outside, np.float32(level - 0.5 * edge.amplitude), contrast)
    found = []
    for region in iso_regions(values.astype(np.float32), level):
        rings = tuple(patch.to_frame.apply(p) for p in region.polygons)
        least = HOLE_SHARE * shape.area(rings[0])
        found.append(_Piece((rings[0], *(r for r in rings[1:] if shape.area(r) >= least))))
    found.sort(key=lambda piece: -piece.area)
    return [p for p in found if p.area >= max(1.0, PIECE_SHARE * found[0].area)]


def _sharpness(pieces: list[_Piece], wide: list[_Piece], narrow: list[_Piece]) -> float:
    """Pixels by which the edge moves per LEVEL_STEP, on average along the outlines."""
    around = sum(shape.perimeter(ring) for piece in pieces for ring in piece.rings)
    inner = narrow or pieces
    change = sum(p.area for p in wide) - sum(p.area for p in inner)
    return abs(change) / (2 * around) if around > 0 else 0.0


def _roughness(ring: Points) -> float:
    """Root mean square distance of an outline from its own running mean, in frame pixels."""
    count = min(ROUGHNESS_VERTICES, len(ring) // 8)
    if count < 2:
        return 0.0
    wrapped = np.concatenate((ring[-count:], ring, ring[:count]))
    sums = np.cumsum(wrapped, axis=0)
    means = (sums[count:] - sums[:-count])[count // 2 :][: len(ring)] / count
    return float(np.sqrt(np.mean(np.sum((ring - means) ** 2, axis=1))))


def _groups(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Pieces that are near enough to be one defect, by single linkage."""
    groups: list[list[_Piece]] = []
    for piece in pieces:
        near, far = [piece], []
        for group in groups:
            if any(_joined(piece, other) for other in group):
                near += group
            else:
                far.append(group)
        groups = [*far, near]
    return groups


def _joined(a: _Piece, b: _Piece) -> bool:
    longer = max(shape.max_feret(a.rings[0])[0], shape.max_feret(b.rings[0])[0])
    first, second = _some(a.rings[0]), _some(b.rings[0])
    gaps = np.hypot(*(first[:, None] - second[None]).transpose(2, 0, 1))
    return float(gaps.min()) <= JOIN * longer


def _some(ring: Points) -> Points:
    return ring[:: max(1, len(ring) // _VERTICES)]


def _outline(
    group: list[_Piece], patch: Patch, sharpness: float, surprise: float, parts: int
) -> Outline:
    outer = tuple(piece.rings[0] for piece in group)
    inner = tuple(ring for piece in group for ring in piece.rings[1:])
    polygons = (*outer, *inner)
    points = np.concatenate(outer)
    around = sum(shape.perimeter(ring) for ring in polygons)
    shift = math.hypot(sharpness, EDGE_U_PX * patch.factor)
    rough = max(_roughness(ring) for ring in outer)
    relative = IDENTITY_U / max(surprise, IDENTITY_U)
    area = shape.region_area(polygons, len(inner))
    length, width = shape.max_feret(points)[0], shape.min_feret(points)
    # The calipers touch the outermost points: on a thin wavy outline that is more than its width.
    wavy = max(0.0, width - area / length) / 2 if length > THIN * width else 0.0
    return Outline(
        polygons=polygons,
        holes=len(inner),
        area_u_px=math.hypot(shift * around, relative * area),
        length_u_px=math.hypot(2 * shift, relative * length),
        width_u_px=math.hypot(2 * shift, relative * width, ROUGHNESS_U * rough, wavy),
        parts=parts,
    )
