"""Chooses where simulated defects lie: on the product and inside the region of interest.

All decisions are taken on a small picture, so that they are the same at every resolution.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from inspector.core.arrays import Image, Map, Mask
from inspector.core.errors import DataError
from inspector.core.geometry import Points

SIDE: Final = 64
"""Short side of the small picture, in cells."""

CLEAR_EDGE: Final = 0.3
"""An edge is clear from this share of the strongest edges on (98th percentile), and from
LEAST_EDGE."""
LEAST_EDGE: Final = 3.0
"""Grey levels per cell."""

GAP: Final = 9
"""Cells that may lie between edges of the same product."""

LEAST_PRODUCT: Final = 0.03
MOST_PRODUCT: Final = 0.75
LEAST_PART: Final = 0.3
"""Smallest part of the product, as a share of the largest."""

MOST_STRAY: Final = 0.35
"""Share of the edges that may lie outside the product. A texture has edges everywhere."""

PLACES: Final = 100
"""Random places that are compared for a shape."""

WELL_INSIDE: Final = 0.95
"""Share of the points of a shape that must be on allowed cells."""


@dataclass(frozen=True, slots=True)
class Places:
    """product: (h, w) cells that show the product; None if it cannot be told from a background.
    allowed: cells where defects may lie. texture: (2h, 2w) usual difference of the picture from its
    surroundings, in grey levels."""

    product: Mask | None
    allowed: Mask
    texture: Map

    def product_edge(self) -> Mask:
        """Allowed cells beside the background; there are none without a known product."""
        if self.product is None:
            return np.zeros_like(self.allowed)
        inner = cv2.erode(self.product.astype(np.uint8), _disc(3), borderValue=1)
        return self.allowed & (inner == 0)

    def texture_at(self, centre: tuple[float, float]) -> float:
        """centre: (x, y) as shares of the short side."""
        rows, columns = self.texture.shape
        x, y = (int(share * 2 * SIDE) for share in centre)
        return float(self.texture[min(y, rows - 1), min(x, columns - 1)])


def find_places(picture: Image, inside: Mask | None) -> Places:
    """picture: (H, W, 3). inside: (H, W). Raises DataError for a region of interest without a
    pixel."""
    height, width = picture.shape[:2]
    scale = SIDE / min(height, width)
    cells_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    double = (2 * cells_wh[0], 2 * cells_wh[1])
    fine = np.asarray(cv2.resize(picture, double, interpolation=cv2.INTER_AREA))
    product = find_product(np.asarray(cv2.resize(fine, cells_wh, interpolation=cv2.INTER_AREA)))
    whole = np.ones((cells_wh[1], cells_wh[0]), bool)
    region = whole if inside is None else _shrink(inside, cells_wh)
    allowed = region if product is None else region & product
    # A region beside the product is the user's decision.
    return Places(product, allowed if allowed.any() else region, _texture(fine))


def _texture(small: Image) -> Map:
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)
    around = cv2.GaussianBlur(grey, (0, 0), 2)
    return np.asarray(cv2.blur(np.abs(grey - around), (15, 15)), np.float32)


def find_product(small: Image) -> Mask | None:
    """Cells inside or near clear edges: a product before an empty or blurred background.

    small: (h, w, 3). None where this shows no product: few edges, edges nearly everywhere, or many
    scattered ones, as on a textured surface.
    """
    values = small.astype(np.float32)
    across = cv2.Sobel(values, cv2.CV_32F, 1, 0, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    down = cv2.Sobel(values, cv2.CV_32F, 0, 1, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    channels = cv2.split(across**2 + down**2)
    slope = np.sqrt(np.maximum.reduce(channels))
    edges = slope > max(LEAST_EDGE, CLEAR_EDGE * float(np.quantile(slope, 0.98)))
    padded = cv2.copyMakeBorder(edges.astype(np.uint8), GAP, GAP, GAP, GAP, cv2.BORDER_CONSTANT)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, _disc(GAP))[GAP:-GAP, GAP:-GAP]
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    areas = [cv2.contourArea(outline) for outline in outlines]
    outlines = [
        outline
        for outline, area in zip(outlines, areas, strict=True)
        if area >= LEAST_PART * max(areas)
    ]
    filled = cv2.drawContours(np.zeros_like(closed), outlines, -1, 1, cv2.FILLED)
    product = np.asarray(cv2.morphologyEx(filled, cv2.MORPH_OPEN, _disc(GAP // 2 + 1)) > 0)
    if not LEAST_PRODUCT <= product.mean() <= MOST_PRODUCT:
        return None
    stray = np.count_nonzero(edges & ~product) > MOST_STRAY * np.count_nonzero(edges)
    return None if stray else product


def choose_place(
    points: Points, allowed: Mask, rng: np.random.Generator
) -> tuple[tuple[float, float], float]:
    """The first of PLACES random places at which the shape is well inside, otherwise the best.

    points: (n, 2) of the shape around the origin, as shares of the short side. Returns the place
    (x, y), as shares of the short side, and the share of the points on allowed cells.
    """
    height, width = allowed.shape
    centres = rng.random((PLACES, 2)) * (width, height)
    cells = np.floor(centres[:, None] + points * SIDE).astype(np.intp)
    visible = ((cells >= 0) & (cells < (width, height))).all(axis=2)
    columns, rows = (np.clip(cells[..., k], 0, limit - 1) for k, limit in ((0, width), (1, height)))
    shares = (allowed[rows, columns] & visible).mean(axis=1)
    centre_cells = np.floor(centres).astype(np.intp)
    shares *= allowed[centre_cells[:, 1], centre_cells[:, 0]]
    good = np.flatnonzero(shares >= WELL_INSIDE)
    best = int(good[0]) if len(good) else int(shares.argmax())
    return (float(centres[best, 0]) / SIDE, float(centres[best, 1]) / SIDE), float(shares[best])


def touch_allowed(points: Points, allowed: Mask, rng: np.random.Generator) -> tuple[float, float]:
    """A place (x, y) at which a point of the shape lies on an allowed cell, for tiny regions."""
    cells = np.argwhere(allowed)
    cell = cells[rng.integers(len(cells))][::-1] + rng.random(2)
    x, y = cell / SIDE - points[rng.integers(len(points))]
    return float(x), float(y)


def _shrink(inside: Mask, cells_wh: tuple[int, int]) -> Mask:
    """Cells that lie at least half in the region; if there is none, those that touch it."""
    if not inside.any():
        raise DataError("the region of interest is empty: no defect can be drawn in it")
    shares = cv2.resize(inside.astype(np.float32), cells_wh, interpolation=cv2.INTER_AREA)
    cells = np.asarray(shares >= 0.5)
    return cells if cells.any() else np.asarray(shares > 0)


def _disc(side: int) -> Image:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
