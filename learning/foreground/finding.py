"""Finds the foreground of good pictures: fixed, if the product is always in the same place, or a
model that computes the mask of every picture."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from loguru import logger

from engines import png
from engines.roi import draw_mask
from engines.spec import Roi
from engines.spec_fields import Foreground
from inspector.core.arrays import Image, Mask
from inspector.core.errors import DataError
from inspector.core.reading import READING, Reading
from learning.foreground.background import from_border, from_scene, read_scene
from learning.foreground.fixed import region_of_mask, shrink_mask
from learning.foreground.model import (
    CLOSE,
    MARGIN,
    Array,
    ForegroundModel,
    cell_side,
    cells,
    draw,
    mask,
    product,
)
from learning.graph.maps import cell_share
from learning.graph.pixels import blank_outside
from learning.normals import Normals, list_some

AUTO: Final = "auto"

LEAST_SHARE: Final = 0.01
MOST_SHARE: Final = 0.9
"""Limits of the median share of product in the good pictures."""

HIGHER_LEVEL: Final = 1.25
LEAST_STABLE: Final = 0.7
"""The masks at a level that is this many times higher must be nearly the same: their median
intersection over union. Otherwise parts of the product are about as different as the background."""

EMPTY: Final = 0.1
"""A good picture with less product than this share of the others' shows none."""
USUAL: Final = 0.9
"""Quantile of the shares of product that it is compared with."""

LEAST_OF_SMALLEST: Final = 0.5
"""A frame with less product than this share of the smallest good picture shows none."""

CORE: Final = 0.5
"""Cells that are in the mask of this share of the good pictures are in every mask, so that product
that is missing there is seen."""

SAME_PLACE: Final = 0.9
"""Median intersection over union of the masks with the cells that half of them have, from which on
the product is always in the same place; at least SAME_PLACE_WORST for every picture."""
SAME_PLACE_WORST: Final = 0.75

LEAST_FIXED: Final = 8
"""Good pictures that are needed to prove it."""

INSIDE: Final = 0.99
"""Share of a cell in the region from which on it can show the background."""

ADVICE: Final = "name pictures of the empty scene, draw a region with --roi, or leave it out"


@dataclass(frozen=True, slots=True)
class LearnedForeground:
    """spec: for the engine. model: computes the mask of every picture; None if `fixed` is the mask
    of all, (H, W) of the input. roi: region of interest of the engine; it holds a fixed mask.
    covered: mean share of the region that is in a mask."""

    spec: Foreground
    roi: Roi | None
    model: ForegroundModel | None = None
    fixed: Mask | None = None
    covered: float = 1.0

    def masks(self, pixels: Image) -> Array:
        """(n, H, W, 3) uint8 RGB -> (n, H, W) in [0, 1]."""
        input_hw = (pixels.shape[1], pixels.shape[2])
        if self.model is not None:
            shown = product(cells(pixels, self.model.cell), self.model)
            return draw(mask(shown, self.model), input_hw)
        assert self.fixed is not None
        return np.broadcast_to(self.fixed.astype(np.float32), (len(pixels), *input_hw))


def find_foreground(
    normals: Normals,
    source: str | Path,
    roi: Roi | None = None,
    *,
    seed: int = 0,
    reading: Reading = READING,
) -> tuple[LearnedForeground, Normals]:
    """The foreground, and the good pictures that show product; a warning names the others.

    source: AUTO for the border of the good pictures, or a picture or a folder of pictures of the
    empty scene. Raises DataError if product and background cannot be told apart.
    """
    what = "the colours along their border" if source == AUTO else f"the empty scene {source}"
    inside = None if roi is None else draw_mask(roi, normals.rule.input_hw, normals.rule.crop)
    side = cell_side(normals.rule.input_hw)
    colours = cells(blank_outside(normals.pixels, inside), side)
    grid_hw = (colours.shape[2], colours.shape[3])
    whole = np.ones(grid_hw, np.float32)
    region = whole if inside is None else cell_share(inside, grid_hw).astype(np.float32)
    if source == AUTO:
        background = from_border(colours, region > INSIDE, seed)
    else:
        scene = read_scene(Path(source), normals, reading)
        background = from_scene(cells(blank_outside(scene, inside), side), region > INSIDE)
    model = ForegroundModel(
        cell=side,
        views=background.views,
        border=background.border,
        level=background.level,
        region=region,
        core=np.zeros_like(region),
        least=0.0,
    )
    shown = product(colours, model)
    shares = shown.mean(axis=(1, 2))
    empty = shares < EMPTY * np.quantile(shares, USUAL)
    _refuse_share(float(np.median(shares[~empty]) / region.mean()), what)
    if empty.any():
        normals, colours = _leave_out(normals, empty), colours[~empty]
        shown, shares = shown[~empty], shares[~empty]
    masks = mask(shown, model)
    _refuse_unstable(masks, colours, model, what)
    spec = Foreground(
        "border of the good pictures" if source == AUTO else f"empty scene {Path(source).name}",
        share=0.0,
        parameters={
            "level": background.level,
            "margin_px": MARGIN * side,
            "closed_px": 2 * CLOSE * side,
            "product_share": float(shares.mean()),
            "scene_pictures": background.pictures,
        },
    )
    if _is_in_one_place(masks > 0.5):
        return _fix(masks, spec, roi, normals), normals
    least = LEAST_OF_SMALLEST * float(shares.min())
    return _move(masks, spec, dataclasses.replace(model, least=least), roi), normals


def _fix(masks: Array, spec: Foreground, roi: Roi | None, normals: Normals) -> LearnedForeground:
    """The same mask for all pictures."""
    fixed = draw(np.max(masks, axis=0, keepdims=True), normals.rule.input_hw)[0] > 0.5
    picture = shrink_mask(fixed)
    spec = dataclasses.replace(
        spec,
        share=float(fixed.mean()),
        hw=(picture.shape[0], picture.shape[1]),
        mask=png.encode(picture),
    )
    around = region_of_mask(fixed, roi, normals.rule, normals.frame_hw)
    return LearnedForeground(spec, around, fixed=fixed)


def _move(
    masks: Array, spec: Foreground, model: ForegroundModel, roi: Roi | None
) -> LearnedForeground:
    """A mask of every picture."""
    core = ((masks > 0.5).mean(axis=0) >= CORE).astype(np.float32)
    covered = float((np.maximum(masks, core) * model.region).mean())
    more = {"least_share": model.least, "always_share": float(core.mean())}
    spec = dataclasses.replace(spec, share=covered, parameters=spec.parameters | more)
    model = dataclasses.replace(model, core=core)
    return LearnedForeground(spec, roi, model, covered=covered / float(model.region.mean()))


def _refuse_share(typical: float, what: str) -> None:
    """typical: share of the region that is product. what: it is compared with, for the message."""
    if typical < LEAST_SHARE:
        raise DataError(
            f"foreground: only {typical:.1%} of the good pictures differs from {what}, so the "
            f"product is not found: {ADVICE}"
        )
    if typical > MOST_SHARE:
        raise DataError(
            f"foreground: {typical:.0%} of the good pictures differs from {what}, so nothing would "
            f"be left out: {ADVICE}"
        )


def _refuse_unstable(masks: Array, colours: Array, model: ForegroundModel, what: str) -> None:
    higher = dataclasses.replace(model, level=HIGHER_LEVEL * model.level)
    stable = float(np.median(_overlaps(mask(product(colours, higher), higher) > 0.5, masks > 0.5)))
    if stable < LEAST_STABLE:
        raise DataError(
            f"foreground: the product differs too little from {what}, so parts of it would be left "
            f"out (overlap with a mask at a higher level {stable:.2f}, needed {LEAST_STABLE}): "
            f"{ADVICE}"
        )


def _leave_out(normals: Normals, empty: Mask) -> Normals:
    names = [normals.names[index] for index in np.flatnonzero(empty)]
    logger.warning(
        "{} of {} good pictures show no product in their foreground and are left out: {}",
        *(len(names), len(empty), list_some(names)),
    )
    return dataclasses.replace(normals.take(~empty), empty=normals.empty + tuple(names))


def _is_in_one_place(masks: Mask) -> bool:
    """masks: (n, h, w)."""
    if len(masks) < LEAST_FIXED:
        return False
    overlaps = _overlaps(masks, masks.mean(axis=0) >= 0.5)
    return bool(np.median(overlaps) >= SAME_PLACE and overlaps.min() >= SAME_PLACE_WORST)


def _overlaps(masks: Mask, others: Mask) -> npt.NDArray[np.float64]:
    """(n,): intersection over union of each mask (n, h, w)."""
    common = (masks & others).sum(axis=(1, 2))
    return np.asarray(common / np.maximum(1, (masks | others).sum(axis=(1, 2))))
