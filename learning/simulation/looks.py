"""Paints shapes as scratches, cracks, fibres, stains, holes and foreign pieces of a contrast."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Map
from inspector.core.geometry import Box
from learning.simulation.shapes import blur, cloud

Pixels = npt.NDArray[np.float32]
"""(h, w, 3) grey levels of 0 to 255, not rounded."""


@dataclass(frozen=True, slots=True)
class Spot:
    """The part of a picture that a defect changes.

    box: of the part. base: the good picture in it. cover: (h, w) share of each pixel that the shape
    covers. product: (h, w) the same of the product; None if it is not known. unit: short side of
    the whole picture, px. centre: (x, y) of the shape; size, width: of the shape; all as shares of
    the unit. contrast: largest difference in grey levels. grey: the picture has no colours.
    """

    box: Box
    base: Pixels
    cover: Map
    product: Map | None
    unit: int
    centre: tuple[float, float]
    size: float
    width: float
    contrast: float
    grey: bool
    rng: np.random.Generator

    def mean(self) -> npt.NDArray[np.float32]:
        """(3,) mean of the picture under the shape."""
        weights = self.cover.ravel() + np.float32(1e-6)
        return np.asarray(weights @ self.base.reshape(-1, 3) / weights.sum(), np.float32)


def paint(kind: str, spot: Spot) -> Pixels:
    """The part of the picture with the defect."""
    return LOOKS[kind](spot)


def shade(spot: Spot, *, dark: float, tint: float) -> npt.NDArray[np.float32]:
    """(3,) darker or lighter by the contrast; the other way if the picture has no room for it.

    dark: probability of darker. tint: how much less some channels may change, 0..1.
    """
    sign = -1.0 if spot.rng.random() < dark else 1.0
    shares = spot.rng.uniform(1 - tint, 1, 3)
    shares = np.ones(3) if spot.grey else shares / shares.max()
    mean = spot.mean()
    room = mean if sign < 0 else 255 - mean
    if room.max() < spot.contrast:
        sign = -sign
    if sign < 0:  # A darker surface keeps its colour.
        shares = shares * mean / max(float(mean.max()), 1)
    return np.asarray(sign * spot.contrast * shares, np.float32)


def _colour(spot: Spot) -> npt.NDArray[np.float32]:
    """(3,) towards any colour; channels without room change the other way."""
    shares = spot.rng.uniform(-1, 1, 3)
    shares = np.full(3, np.sign(shares[0])) if spot.grey else shares / np.abs(shares).max()
    change = spot.contrast * shares
    changed = spot.mean() + change
    change[(changed < 0) | (changed > 255)] *= -1
    return np.asarray(change, np.float32)


def _scratch(spot: Spot) -> Pixels:
    """A line with an edge of the opposite brightness beside it."""
    change = shade(spot, dark=0.5, tint=0.15)
    edge = _shifted(spot, spot.cover, spot.width) * (1 - spot.cover)
    strength = np.float32(spot.rng.uniform(0, 0.6))
    profile: Map = spot.cover - strength * edge
    return spot.base + profile[..., None] * change


def _crack(spot: Spot) -> Pixels:
    return spot.base + spot.cover[..., None] * shade(spot, dark=0.85, tint=0.2)


def _stain(spot: Spot) -> Pixels:
    """Soft and uneven, sometimes with a stronger edge, as dried liquid has."""
    change = shade(spot, dark=0.65, tint=0.4)
    soft = blur(spot.cover, spot.rng.uniform(0.05, 0.15) * spot.size * spot.unit)
    soft = soft * (0.6 + 0.4 * cloud(soft.shape, 6, spot.rng))
    if spot.rng.random() < 0.3:
        soft = soft * (1 - 0.6 * blur(spot.cover, 0.2 * spot.size * spot.unit) ** 2)
    return spot.base + (soft / max(float(soft.max()), 1e-6))[..., None] * change


def _hole(spot: Spot) -> Pixels:
    """Deep, without the texture of the surface, in a rim of the opposite brightness."""
    change = shade(spot, dark=1.0, tint=0.15)
    mean = spot.mean()
    depth = (0.75 + 0.25 * cloud(spot.cover.shape, 4, spot.rng))[..., None] * change
    inside = mean + np.float32(0.15) * (spot.base - mean) + depth
    softer = blur(spot.cover, 0.07 * spot.size * spot.unit)
    rim = 4 * softer * (1 - softer) * (1 - spot.cover) * np.float32(spot.rng.uniform(0.1, 0.5))
    return _mix(spot.base, inside, spot.cover) - rim[..., None] * change


def _fibre(spot: Spot) -> Pixels:
    """A thread of any colour with a soft shadow."""
    around = blur(spot.base, 2 * spot.width * spot.unit)
    shadowed = _shadow(spot, 0.25)
    return _mix(shadowed, around + _colour(spot), np.float32(0.9) * spot.cover)


def _foreign(spot: Spot) -> Pixels:
    """A piece of any colour and with another texture, with a soft shadow."""
    change = _colour(spot)
    grain = cloud(spot.cover.shape, int(spot.rng.integers(4, 13)), spot.rng)
    piece = spot.mean() + (1 - spot.rng.uniform(0.1, 0.6) * grain)[..., None] * change
    return _mix(_shadow(spot, 0.3), piece.astype(np.float32), spot.cover)


LOOKS: Final[dict[str, Callable[[Spot], Pixels]]] = {
    "scratch": _scratch,
    "crack": _crack,
    "stain": _stain,
    "hole": _hole,
    "fibre": _fibre,
    "foreign": _foreign,
}
"""Kind -> function that paints it."""


def _shadow(spot: Spot, strength: float) -> Pixels:
    reach = min(spot.width, 0.02)
    soft = blur(_shifted(spot, spot.cover, 0.7 * reach), 0.5 * reach * spot.unit)
    darker = np.float32(strength * spot.contrast) * soft * (1 - spot.cover)
    return spot.base - darker[..., None]


def _shifted(spot: Spot, values: Map, distance: float) -> Map:
    """Moves values in a random direction. distance: as a share of the short side."""
    turn = spot.rng.uniform(0, 2 * np.pi)
    x, y = (distance * spot.unit * float(part) for part in (np.cos(turn), np.sin(turn)))
    matrix = np.array(((1, 0, x), (0, 1, y)), np.float32)
    moved = cv2.warpAffine(values, matrix, (values.shape[1], values.shape[0]))
    return np.asarray(moved, np.float32)


def _mix(below: Pixels, above: Pixels, cover: Map) -> Pixels:
    return below + cover[..., None] * (above - below)
