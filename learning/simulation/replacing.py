"""Replaces material: by its surroundings, by the background, or by a piece of a good picture."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from inspector.core.arrays import Image
from learning.simulation.looks import Pixels, Spot
from learning.simulation.placing import Places, choose_place, find_places
from learning.simulation.shapes import Shape, blur

FROM_ITSELF: Final = 0.3
"""Share of the displaced pieces that come from the same picture."""


def find_background(
    places: Places, shape: Shape, rng: np.random.Generator
) -> tuple[float, float] | None:
    """A place where the shape shows only background; None if there is none."""
    if places.product is None:
        return None
    centre, share = choose_place(shape.points, ~places.product, rng)
    return centre if share == 1 else None


def fill_from_surroundings(spot: Spot) -> Pixels:
    """The material without its texture and print: a smooth mean of what is around it."""
    outside = 1 - np.minimum(1, 2 * spot.cover)
    if spot.product is not None:
        outside = outside * spot.product
    outside = outside + np.float32(1e-4)
    sigma = max(1.0, 0.3 * spot.size * spot.unit)
    around = blur(spot.base * outside[..., None], sigma) / blur(outside, sigma)[..., None]
    return _replace(spot, around)


def fill_from(spot: Spot, picture: Image, source: tuple[float, float]) -> Pixels:
    """What another place of a picture shows. source: (x, y) of it, as shares of the short side."""
    return _replace(spot, _cut_out(spot, picture, source))


def paste_piece(
    spot: Spot, picture: Image, places: Places, donors: Sequence[Image], shape: Shape
) -> Pixels:
    """A piece of the product from another place of a picture, sometimes turned by 180 degrees."""
    if len(donors) and spot.rng.random() >= FROM_ITSELF:
        picture = donors[int(spot.rng.integers(len(donors)))]
        places = find_places(picture, None)
    source, _ = choose_place(shape.points, places.allowed, spot.rng)
    piece = _cut_out(spot, picture, source)
    return _replace(spot, piece[::-1, ::-1] if spot.rng.random() < 0.5 else piece)


def _cut_out(spot: Spot, picture: Image, source: tuple[float, float]) -> Pixels:
    """A part of the size of the spot, moved into the picture if it would leave it."""
    x0, y0, x1, y1 = spot.box
    (height, width), (x, y) = picture.shape[:2], spot.centre
    left = min(max(x0 + round((source[0] - x) * spot.unit), 0), width - (x1 - x0))
    top = min(max(y0 + round((source[1] - y) * spot.unit), 0), height - (y1 - y0))
    return picture[top : top + y1 - y0, left : left + x1 - x0].astype(np.float32)


def _replace(spot: Spot, material: Pixels) -> Pixels:
    return spot.base + spot.cover[..., None] * (material - spot.base)
