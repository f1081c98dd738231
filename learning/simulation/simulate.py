"""Draws one simulated defect on a good picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from inspector.core.arrays import Image, Map, Mask
from inspector.core.errors import DataError
from inspector.core.geometry import Box, Points
from inspector.synthetic.defect_shapes import feret
from learning.simulation.looks import Pixels, Spot, paint, shade
from learning.simulation.placing import (
    SIDE,
    WELL_INSIDE,
    Places,
    choose_place,
    find_places,
    touch_allowed,
)
from learning.simulation.plans import CONTRASTS, LINES, WITHOUT_CONTRAST, DefectPlan
from learning.simulation.replacing import (
    fill_from,
    fill_from_surroundings,
    find_background,
    paste_piece,
)
from learning.simulation.shapes import Shape, blur, draw, make_shape

CHANGED: Final = 2
"""A pixel belongs to the mask if a channel changes by more than this, in grey levels."""

VISIBLE: Final = 12.0
"""Mean change of replaced material, in grey levels; below it, another place is tried."""

LAST_RESORT: Final = 24.0
"""Contrast of replaced material on a picture that is the same everywhere."""

TRIES: Final = 8
"""Shapes and places to try."""

ABOVE_TEXTURE: Final = 2.5
LINE_ABOVE_TEXTURE: Final = 4.0
"""The contrast is at least this many times the usual texture around the defect: people see a thin
line less easily than an area."""

MOST_RAISED: Final = 60.0
"""A contrast is raised up to this, in grey levels."""

SOFTNESS: Final = 0.0015
"""Blur of every edge, as a share of the short side, as a lens blurs."""

GREY: Final = 4
"""A picture whose channels differ by at most this is grey."""

BROKEN_EDGE: Final = 0.5
"""Share of missing material that is at the edge of the product, where the edge is known."""


@dataclass(frozen=True, slots=True)
class SimulatedPicture:
    """pixels: (H, W, 3) uint8 RGB. mask: (H, W) bool, the pixels that differ from the good picture
    by more than CHANGED. points: (n, 2) of the lines or the outline, px of the picture. visible:
    share of the points that lie on the picture, in the region of interest and on the product."""

    pixels: Image
    mask: Mask
    points: Points
    visible: float

    @property
    def length_px(self) -> float:
        """Longest extent of the mask, px."""
        cells = np.argwhere(self.mask).astype(np.float64)
        return feret(np.concatenate([cells + corner for corner in np.ndindex(2, 2)]))[0]


def simulate(
    picture: Image, plan: DefectPlan, donors: Sequence[Image], inside: Mask | None = None
) -> SimulatedPicture:
    """Draws the planned defect. The same plan shows the same defect at every resolution.

    picture: (H, W, 3) uint8 RGB, good. donors: other good pictures of the same size, for displaced
    pieces. inside: (H, W) region of interest; nothing changes outside it.

    The defect lies on the product where placing.find_product finds one. On a rough surface its
    contrast is raised above the texture. Missing and displaced material that makes no visible
    difference is tried at other places, and at last made LAST_RESORT darker or lighter. A defect
    of less than a pixel that changes nothing gets the strongest contrast. Raises DataError if
    nothing can change, as in a region of interest without pixels.
    """
    painter = _Painter(picture, plan, donors, inside, find_places(picture, inside))
    best, largest = 0, -1.0
    for attempt in range(TRIES):
        share, simulated = painter.attempt(attempt)
        if simulated is not None:
            return simulated
        if share > largest:
            best, largest = attempt, share
    _, simulated = painter.attempt(best, last=True)
    if simulated is not None:
        return simulated
    strong = replace(plan, contrast=CONTRASTS[-1])
    for attempt in range(TRIES, 4 * TRIES):
        touching = _Painter(picture, strong, donors, inside, painter.places, touch=True)
        _, simulated = touching.attempt(attempt, last=True)
        if simulated is not None:
            return simulated
    raise DataError(
        f"no defect of kind {plan.kind} can be drawn in the region of interest: make it larger"
    )


@dataclass(frozen=True, slots=True)
class _Painter:
    picture: Image
    plan: DefectPlan
    donors: Sequence[Image]
    inside: Mask | None
    places: Places
    touch: bool = False

    def attempt(self, number: int, *, last: bool = False) -> tuple[float, SimulatedPicture | None]:
        """The share of the shape that is well placed, and the picture; None if it is not good
        enough. last: accepts any place, and makes a difference where there is none."""
        kind = self.plan.kind
        rng = np.random.default_rng((self.plan.seed, number))
        shape = make_shape(kind, self.plan.size, rng)
        at_edge = kind == "missing" and rng.random() < BROKEN_EDGE
        background = find_background(self.places, shape, rng) if at_edge else None
        if self.touch:
            centre, share = touch_allowed(shape.points, self.places.allowed, rng), 0.0
        elif background is None:
            centre, share = choose_place(shape.points, self.places.allowed, rng)
        else:
            centre, share = choose_place(np.zeros((1, 2)), self.places.product_edge(), rng)
        if share < WELL_INSIDE and not last:
            return share, None
        spot = self._spot(shape, centre, rng, on_product=background is None)
        if kind not in WITHOUT_CONTRAST:
            return share, self._finish(spot, shape, paint(kind, spot), least=0)
        if kind == "displaced":
            changed = paste_piece(spot, self.picture, self.places, self.donors, shape)
        elif background is None:
            changed = fill_from_surroundings(spot)
        else:
            changed = fill_from(spot, self.picture, background)
        if last:
            changed = changed + spot.cover[..., None] * shade(spot, dark=0.5, tint=0)
        return share, self._finish(spot, shape, changed, least=0 if last else VISIBLE)

    def _spot(
        self,
        shape: Shape,
        centre: tuple[float, float],
        rng: np.random.Generator,
        *,
        on_product: bool,
    ) -> Spot:
        """on_product: the shape ends where the product does."""
        height, width = self.picture.shape[:2]
        unit = min(height, width)
        reach = np.abs(shape.points).max(axis=0) + min(shape.width, 0.3 * self.plan.size) + 0.03
        low = np.floor((centre - reach) * unit).astype(int)
        high = np.ceil((centre + reach) * unit).astype(int)
        box = (max(low[0], 0), max(low[1], 0), min(high[0], width), min(high[1], height))
        base = self.picture[box[1] : box[3], box[0] : box[2]].astype(np.float32)
        cover = blur(draw(shape, box, centre, unit), SOFTNESS * unit)
        product = self.places.product
        on_box = None if product is None else _enlarge(product, box, unit)
        if on_product and on_box is not None:
            cover = cover * on_box
        return Spot(
            box=box,
            base=base,
            cover=cover,
            product=on_box,
            unit=unit,
            centre=centre,
            size=self.plan.size,
            width=shape.width,
            contrast=self._contrast(centre),
            grey=bool(np.abs(base[..., :2] - base[..., 1:]).max() <= GREY),
            rng=rng,
        )

    def _contrast(self, centre: tuple[float, float]) -> float:
        if self.plan.kind in WITHOUT_CONTRAST:
            return max(self.plan.contrast, LAST_RESORT)
        factor = LINE_ABOVE_TEXTURE if self.plan.kind in LINES else ABOVE_TEXTURE
        raised = factor * self.places.texture_at(centre)
        return max(self.plan.contrast, min(raised, MOST_RAISED))

    def _finish(
        self, spot: Spot, shape: Shape, changed: Pixels, *, least: float
    ) -> SimulatedPicture | None:
        """Rounds and puts the changed part into the picture. None if nothing changes, or less than
        `least` grey levels under the shape on average."""
        x0, y0, x1, y1 = spot.box
        part = np.clip(np.rint(changed), 0, 255).astype(np.uint8)
        difference = np.maximum.reduce(cv2.split(np.abs(part - spot.base)))
        if self.inside is not None:
            difference = difference * self.inside[y0:y1, x0:x1]
        mask = np.zeros(self.picture.shape[:2], bool)
        mask[y0:y1, x0:x1] = difference > CHANGED
        covered = max(float(spot.cover.sum()), 1e-6)
        if not mask.any() or float((difference * spot.cover).sum()) / covered < least:
            return None
        pixels = self.picture.copy()
        pixels[mask] = part[mask[y0:y1, x0:x1]]
        points = (shape.points + spot.centre) * spot.unit
        return SimulatedPicture(pixels, mask, points, self._visible_share(points, spot))

    def _visible_share(self, points: Points, spot: Spot) -> float:
        height, width = self.picture.shape[:2]
        visible = ((points >= 0) & (points < (width, height))).all(axis=1)
        x, y = np.clip(points.astype(np.intp), 0, (width - 1, height - 1)).T
        if self.inside is not None:
            visible &= self.inside[y, x]
        if spot.product is not None:
            x0, y0, x1, y1 = spot.box
            shares = spot.product[np.clip(y, y0, y1 - 1) - y0, np.clip(x, x0, x1 - 1) - x0]
            visible &= shares >= 0.5
        return float(visible.mean())


def _enlarge(cells: Mask, box: Box, unit: int) -> Map:
    """(h, w) share of each pixel of the box that the cells cover, smooth."""
    scale = SIDE / unit
    matrix = np.array(
        ((scale, 0, (box[0] + 0.5) * scale - 0.5), (0, scale, (box[1] + 0.5) * scale - 0.5))
    )
    enlarged = cv2.warpAffine(
        cells.astype(np.float32),
        matrix,
        (box[2] - box[0], box[3] - box[1]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(enlarged, np.float32)
