"""Renders defects of exactly known shape on pictures, with sub-pixel accurate edges."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image
from inspector.core.geometry import Box, Points
from inspector.synthetic.defect_shapes import (
    SIZES_MM,
    feret,
    outline,
    polygon_area,
    polygon_centroid,
)

Coverage = npt.NDArray[np.float32]

_SUBLINES = 8
"""Scan lines per pixel. Along a scan line the covered part is exact."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """How a defect changes the surface: gain * (m + texture * (surface - m)), m = mean under it.

    gain_bgr: per channel; 1 keeps the brightness. texture: share of the surface texture that stays,
    0..1. soft_px: half width of a soft edge, whose 50 % level is the true outline; 0: a sharp,
    anti-aliased edge. rim: change of the gain at the edge, which fades towards the middle.
    """

    gain_bgr: tuple[float, float, float]
    texture: float
    soft_px: float = 0.0
    rim: float = 0.0


@dataclass(frozen=True, slots=True)
class RenderedDefect:
    """A defect with its true size. The `_px` sizes are computed from the polygon and exact.

    polygon: (n, 2) true outline in frame (or web) pixels, open. length: maximum Feret diameter,
    width: minimum Feret diameter of the true outline.
    """

    kind: str
    polygon: Points
    mm_per_px: float
    appearance: Appearance
    area_px: float
    length_px: float
    width_px: float
    centroid: tuple[float, float]

    @classmethod
    def of(cls, kind: str, polygon: Points, mm_per_px: float, appearance: Appearance) -> Self:
        """Makes a defect and computes its sizes from its outline."""
        if not mm_per_px > 0:
            raise ValueError(f"mm_per_px must be positive, not {mm_per_px}")
        length, width = feret(polygon)
        area, centroid = polygon_area(polygon), polygon_centroid(polygon)
        return cls(kind, polygon, mm_per_px, appearance, area, length, width, centroid)

    def shifted(self, dx: float, dy: float) -> "RenderedDefect":
        """A copy of the defect, shifted by (dx, dy) pixels."""
        centroid = self.centroid[0] + dx, self.centroid[1] + dy
        return replace(self, polygon=self.polygon + np.array((dx, dy)), centroid=centroid)

    @property
    def area_mm2(self) -> float:
        return self.area_px * self.mm_per_px**2

    @property
    def length_mm(self) -> float:
        return self.length_px * self.mm_per_px

    @property
    def width_mm(self) -> float:
        return self.width_px * self.mm_per_px

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1) of the true outline."""
        (x0, y0), (x1, y1) = self.polygon.min(axis=0), self.polygon.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)

    def touched_box(self) -> Box:
        """Box of the pixels that rendering may change, including the soft edge; half-open."""
        margin = self.appearance.soft_px + 1
        x0, y0, x1, y1 = self.bounds
        low = int(np.floor(x0 - margin)), int(np.floor(y0 - margin))
        return *low, int(np.ceil(x1 + margin)), int(np.ceil(y1 + margin))


CONTRAST: dict[str, tuple[float, float]] = {
    "hole": (0.65, 0.85),
    "scratch": (0.45, 0.70),
    "stain": (0.35, 0.55),
    "missing_yarn": (0.35, 0.55),
    "foreign_yarn": (0.45, 0.70),
    "slub": (0.35, 0.55),
}
"""Kind -> (least, most) change of brightness, as a share of the brightness of the surface."""

_BRIGHT_OR_DARK = ("scratch", "missing_yarn", "slub")
"""Kinds that are brighter or darker than the surface, with equal probability."""


def random_appearance(kind: str, rng: np.random.Generator, soft_px: float) -> Appearance:
    """Draws contrast, sign and colour within CONTRAST. soft_px: for stains; others are sharp."""
    contrast = rng.uniform(*CONTRAST[kind])
    bright = kind in _BRIGHT_OR_DARK and rng.random() < 0.5
    gain = np.full(3, 1 + contrast if bright else 1 - contrast)
    if kind == "stain":
        gain = 1 - contrast * rng.permutation((1.0, rng.uniform(0.7, 1.0), rng.uniform(0.3, 0.7)))
        return Appearance(_bgr(gain), 1.0, soft_px=soft_px)
    if kind == "foreign_yarn":
        gain = 1 + contrast * rng.permutation((1.0, rng.uniform(-1.0, -0.3), -1.0))
        return Appearance(_bgr(gain), 0.3)
    gain += rng.uniform(-0.04, 0.04, 3)
    texture = {"hole": 0.15, "scratch": 0.3, "missing_yarn": 0.35, "slub": 0.6}[kind]
    rim = {"hole": -0.25, "slub": -0.1 if bright else 0.1}.get(kind, 0.0)
    return Appearance(_bgr(gain), texture, rim=rim)


def random_defect(
    kind: str,
    rng: np.random.Generator,
    *,
    centre_px: tuple[float, float],
    mm_per_px: float,
    length_mm: float | None = None,
    width_mm: float | None = None,
) -> RenderedDefect:
    """Makes a defect of a kind. A length or width of None is drawn at random.

    Ranges are in SIZES_MM; the width of a hole or stain is 0.6 to 1 times its length. Missing yarns
    lie along or across the web, slubs within 5 degrees of that. Raises ValueError.
    """
    if kind not in SIZES_MM:
        raise ValueError(f"defect kind {kind!r} is unknown; known are {', '.join(SIZES_MM)}")
    lengths, widths = SIZES_MM[kind]
    length = float(rng.uniform(*lengths)) if length_mm is None else length_mm
    if width_mm is None:
        blob = kind in ("hole", "stain")
        width_mm = float(length * rng.uniform(0.6, 1.0) if blob else rng.uniform(*widths))
    polygon = outline(kind, length, min(width_mm, length), _random_angle(kind, rng), rng)
    soft = max(1.0, 0.12 * min(width_mm, length) / mm_per_px)
    appearance = random_appearance(kind, rng, soft)
    return RenderedDefect.of(kind, polygon / mm_per_px + np.array(centre_px), mm_per_px, appearance)


def coverage(polygon: Points, box: Box) -> Coverage:
    """Share of each pixel of the box (x0, y0, x1, y1) inside the polygon, 0..1; (h, w) float32.

    Each scan line adds its exact covered length. Every crossing of an edge adds its sign to all
    pixels on its right, so the sum along the row is the winding number.
    """
    x0, y0, x1, y1 = box
    height, width = y1 - y0, x1 - x0
    lines = (np.arange(height * _SUBLINES) + 0.5) / _SUBLINES
    start = polygon - np.array((x0, y0))
    end = np.roll(start, -1, axis=0)
    steps = np.zeros((height, width + 1))
    for (ax, ay), (bx, by) in zip(start, end, strict=True):
        first, last = np.searchsorted(lines, (min(ay, by), max(ay, by)))
        y = lines[first:last]
        if len(y) == 0:
            continue
        x = np.clip(ax + (y - ay) * (bx - ax) / (by - ay), 0, width - 1e-9)
        cell, row = x.astype(np.intp), np.arange(first, last) // _SUBLINES
        sign = 1.0 if by > ay else -1.0
        np.add.at(steps, (row, cell), sign * (1 - (x - cell)))
        np.add.at(steps, (row, cell + 1), sign * (x - cell))
    inside = np.abs(np.cumsum(steps[:, :width], axis=1)) / _SUBLINES
    return np.minimum(inside, 1).astype(np.float32)


def mask(defect: RenderedDefect, hw: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """(h, w) uint8; 255 if at least half of the pixel is inside the true outline."""
    covered = coverage(defect.polygon, (0, 0, hw[1], hw[0]))
    return np.where(covered >= 0.5, 255, 0).astype(np.uint8)


def render(image: Image, defect: RenderedDefect) -> Image:
    """Returns a copy of the picture with the defect. Parts outside the picture are cut off.

    image: (H, W, 3) uint8 BGR.
    """
    out = image.copy()
    x0, y0, x1, y1 = defect.touched_box()
    x0, y0 = max(x0, 0), max(y0, 0)
    x1, y1 = min(x1, image.shape[1]), min(y1, image.shape[0])
    if x0 < x1 and y0 < y1:
        out[y0:y1, x0:x1] = _blend(image[y0:y1, x0:x1], defect, (x0, y0, x1, y1))
    return out


def _blend(surface: Image, defect: RenderedDefect, box: Box) -> Image:
    look = defect.appearance
    covered = coverage(defect.polygon, box)
    alpha, gain = covered, np.ones_like(covered)
    if look.soft_px > 0 or look.rim != 0:
        depth = _signed_distance(defect.polygon, covered, box)
        if look.soft_px > 0:
            t = np.clip(0.5 + depth / (2 * look.soft_px), 0, 1)
            alpha = t * t * (3 - 2 * t)
        if look.rim != 0:
            gain += look.rim * np.exp(-np.maximum(depth, 0) / (0.15 * defect.width_px))
    if not alpha.any():
        return surface
    pixels = surface.astype(np.float32)
    mean = np.average(pixels.reshape(-1, 3), axis=0, weights=alpha.ravel()).astype(np.float32)
    target = (mean + look.texture * (pixels - mean)) * np.array(look.gain_bgr, np.float32)
    target *= gain[..., None]
    mixed = pixels + alpha[..., None] * (target - pixels)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _signed_distance(polygon: Points, covered: Coverage, box: Box) -> Coverage:
    """Distance of each pixel centre of the box to the outline, positive inside; (h, w)."""
    x0, y0, x1, y1 = box
    x = np.arange(x0, x1, dtype=np.float32) + 0.5
    y = np.arange(y0, y1, dtype=np.float32)[:, None] + 0.5
    nearest = np.full((y1 - y0, x1 - x0), np.inf, np.float32)
    for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        edge = (end - start).astype(np.float32)
        dx, dy = x - np.float32(start[0]), y - np.float32(start[1])
        t = np.clip((dx * edge[0] + dy * edge[1]) / max(float(edge @ edge), 1e-12), 0, 1)
        np.minimum(nearest, (dx - t * edge[0]) ** 2 + (dy - t * edge[1]) ** 2, out=nearest)
    return np.sqrt(nearest) * np.where(covered >= 0.5, 1, -1).astype(np.float32)


def _random_angle(kind: str, rng: np.random.Generator) -> float:
    if kind in ("missing_yarn", "slub"):
        wobble = 5.0 if kind == "slub" else 0.0
        return float(rng.choice((0.0, 90.0)) + rng.uniform(-wobble, wobble))
    return float(rng.uniform(0, 180))


def _bgr(gain: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    return float(gain[0]), float(gain[1]), float(gain[2])
