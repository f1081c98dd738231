"""Turns an edge at frame resolution into outlines with the uncertainties of their sizes."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from inspector.core.geometry import Points
from inspector.measure import shape
from inspector.measure.contours import trace_regions
from inspector.measure.edges import Edge
from inspector.measure.patch import Patch
from inspector.measure.smoothing import Float32Array, grow_mask

LEVEL_STEP: Final = 0.1
"""Share of the amplitude. Outlines at lower and higher levels by this share show the sharpness."""

EDGE_U_PX: Final = 0.25
"""Standard uncertainty of the position of a sharp edge, in pixels of the patch."""

IDENTITY_U: Final = 0.4
"""Relative standard uncertainty of a size, times the surprise. The outline of a defect that hardly
differs from the texture easily runs into the texture."""

WAVY_RATIO: Final = 5.0
"""Length over width. Above it the width is compared with area over length."""

ROUGHNESS_U: Final = 3.5
"""Standard uncertainty of the width in units of the outline's roughness. The jaws of a caliper
touch the highest points of the outline."""

ROUGHNESS_VERTICES: Final = 21

HOLE_SHARE: Final = 0.05
PIECE_SHARE: Final = 0.02
"""Shares of the largest piece. Smaller holes and smaller pieces count as texture."""

JOIN_GAP: Final = 0.5
"""Largest gap between two pieces of one defect, as a share of the longer piece's length."""

_VERTICES: Final = 128


@dataclass(frozen=True, slots=True)
class Outline:
    """polygons: in frame pixels, outer polygons first. *_u_px: standard uncertainties.
    parts: number of defects that the region of the map was split into."""

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
    """A region that keeps its size on the map. reason: half a sentence for the report."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """rings: the outer polygon, then holes."""

    rings: tuple[Points, ...]

    @property
    def area(self) -> float:
        return shape.region_area(self.rings, len(self.rings) - 1)


def make_outlines(
    patch: Patch, edge: Edge, contrast: Float32Array, surprise: float
) -> list[Outline]:
    """Makes one outline for each defect within an edge. The list is empty if no piece is left.

    Pieces that are close to each other are one defect, such as the parts of a scratch that fades in
    between. Other pieces are separate defects.
    """
    pieces = _cut_pieces(patch, edge, contrast, edge.level)
    wide = _cut_pieces(patch, edge, contrast, edge.level - LEVEL_STEP * edge.amplitude)
    narrow = _cut_pieces(patch, edge, contrast, edge.level + LEVEL_STEP * edge.amplitude)
    sharpness = _measure_sharpness(pieces, wide, narrow)
    groups = _group_pieces(pieces)
    return [_make_outline(group, patch, sharpness, surprise, len(groups)) for group in groups]


def _cut_pieces(patch: Patch, edge: Edge, contrast: Float32Array, level: float) -> list[_Piece]:
    """Cuts the mask at a level. Pixels above the edge's level that are not in its mask stay out."""
    cut_off = ~edge.mask & (contrast >= edge.level)
    outside = cut_off | ~grow_mask(edge.mask, 1.5)
    values = np.where(outside, np.float32(level - 0.5 * edge.amplitude), contrast)
    pieces = []
    for region in trace_regions(values.astype(np.float32), level):
        rings = tuple(patch.to_frame.apply(p) for p in region.polygons)
        least = HOLE_SHARE * shape.area(rings[0])
        pieces.append(_Piece((rings[0], *(r for r in rings[1:] if shape.area(r) >= least))))
    pieces.sort(key=lambda piece: -piece.area)
    return [p for p in pieces if p.area >= max(1.0, PIECE_SHARE * pieces[0].area)]


def _measure_sharpness(pieces: list[_Piece], wide: list[_Piece], narrow: list[_Piece]) -> float:
    """Mean distance in pixels by which the outlines move per LEVEL_STEP."""
    around = sum(shape.perimeter(ring) for piece in pieces for ring in piece.rings)
    inner = narrow or pieces
    change = sum(p.area for p in wide) - sum(p.area for p in inner)
    return abs(change) / (2 * around) if around > 0 else 0.0


def _measure_roughness(ring: Points) -> float:
    """Root mean square distance of an outline from its running mean, in frame pixels."""
    count = min(ROUGHNESS_VERTICES, len(ring) // 8)
    if count < 2:
        return 0.0
    wrapped = np.concatenate((ring[-count:], ring, ring[:count]))
    sums = np.cumsum(wrapped, axis=0)
    means = (sums[count:] - sums[:-count])[count // 2 :][: len(ring)] / count
    return float(np.sqrt(np.mean(np.sum((ring - means) ** 2, axis=1))))


def _group_pieces(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Groups pieces that are near enough to be one defect, by single linkage."""
    groups: list[list[_Piece]] = []
    for piece in pieces:
        near, far = [piece], []
        for group in groups:
            if any(_are_near(piece, other) for other in group):
                near += group
            else:
                far.append(group)
        groups = [*far, near]
    return groups


def _are_near(a: _Piece, b: _Piece) -> bool:
    longer = max(shape.max_feret(a.rings[0])[0], shape.max_feret(b.rings[0])[0])
    first, second = _pick_vertices(a.rings[0]), _pick_vertices(b.rings[0])
    gaps = np.hypot(*(first[:, None] - second[None]).transpose(2, 0, 1))
    return float(gaps.min()) <= JOIN_GAP * longer


def _pick_vertices(ring: Points) -> Points:
    return ring[:: max(1, len(ring) // _VERTICES)]


def _make_outline(
    group: list[_Piece], patch: Patch, sharpness: float, surprise: float, parts: int
) -> Outline:
    outer = tuple(piece.rings[0] for piece in group)
    inner = tuple(ring for piece in group for ring in piece.rings[1:])
    polygons = (*outer, *inner)
    points = np.concatenate(outer)
    around = sum(shape.perimeter(ring) for ring in polygons)
    shift = math.hypot(sharpness, EDGE_U_PX * patch.factor)
    rough = max(_measure_roughness(ring) for ring in outer)
    relative = IDENTITY_U / max(surprise, IDENTITY_U)
    area = shape.region_area(polygons, len(inner))
    length, width = shape.max_feret(points)[0], shape.min_feret(points)
    # The calipers touch the outermost points. For a thin wavy outline this is more than its width.
    wavy = max(0.0, width - area / length) / 2 if length > WAVY_RATIO * width else 0.0
    return Outline(
        polygons=polygons,
        holes=len(inner),
        area_u_px=math.hypot(shift * around, relative * area),
        length_u_px=math.hypot(2 * shift, relative * length),
        width_u_px=math.hypot(2 * shift, relative * width, ROUGHNESS_U * rough, wavy),
        parts=parts,
    )
