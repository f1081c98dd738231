"""Finds the colour direction and the smoothing in which a defect differs most from the texture."""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from inspector.core.arrays import Mask
from inspector.measure.smoothing import (
    LINE_ACROSS,
    LINE_ALONG,
    Float32Array,
    compute_line_responses,
)
from inspector.measure.texture import OFTEN, RARE, Places, Texture, find_tails, subtract_colour

SIGMAS: Final = (0.8, 1.8, 4.0, 8.0)
"""Standard deviations, in pixels of the view, of the round smoothings that are tried."""

SIGMA_SHARE: Final = 0.35
"""Largest smoothing, as a share of the radius of a disc with the area of the core."""

CLEAR_SURPRISE: Final = 8.0
"""Lines are not searched above this surprise."""

AMPLE_SURPRISE: Final = 20.0
"""Coarser smoothings are not tried above this surprise."""

CLEAR: Final = 2.5
"""Contrast of the defect over the texture's extreme from which a smoothing is fine enough."""

FEW_PLACES_MARGIN: Final = 2.0
"""A ring with few independent places gives uncertain extremes. Limits are widened by this number
over the square root of the number of places."""

MAP_POWER: Final = 2.0
"""The weight of a pixel is its map value, scaled to 0 to 1 over the region, to this power."""

TRIES_POWER: Final = 0.8
"""The number of tries is the area of the core over the kernel's footprint to this power. Then
texture alone has about the same surprise, near 1, through small and large kernels. With a power of
1 large kernels would always win."""


@dataclass(frozen=True, slots=True)
class Cue:
    """Where and how a defect differs most from the texture.

    step: (3,) colour of the most surprising place minus the colour of the texture. sigma: the
    smoothing in pixels of the view. line: the defect was seen only with kernels for lines.
    surprise: minus the decimal logarithm of the number of places in the core that would have such a
    contrast if there were only texture. finest: the least smoothing with a contrast of CLEAR.
    """

    step: Float32Array
    sigma: float
    line: bool
    surprise: float
    finest: float = 0.0


@dataclass(frozen=True, slots=True)
class Core:
    """Where the defect should be. places: flat indices of the pixels. weight: decimal logarithm of
    the weight of each of them, 0 at the peak of the map and negative elsewhere."""

    places: Places
    weight: Float32Array


def find_core(values: Float32Array, inside: Mask, share: float) -> Core:
    """Finds the core of a region.

    values: the map at the view's pixels. share: the core begins at this share of the way from the
    lowest to the highest value of the region.
    """
    places = np.flatnonzero(inside)
    scores = values.ravel()[places]
    low, high = float(scores.min()), float(scores.max())
    if high <= low:
        return Core(places, np.zeros(len(places), np.float32))
    way = (scores - low) / (high - low)
    core = way >= share
    return Core(places[core], np.float32(MAP_POWER) * np.log10(way[core]))


def find_cue(texture: Texture, core: Core) -> Cue:
    """Finds the cue with the largest surprise.

    Every smoothing is tried with every principal axis of the texture's colours, in both directions.
    Because each direction is tried separately, a dark scratch is visible among bright joints.
    """
    widest = max(SIGMA_SHARE * math.sqrt(len(core.places) / math.pi), SIGMAS[0])
    best: Cue | None = None
    finest: float | None = None
    for sigma in SIGMAS:
        if sigma > widest or (best is not None and best.surprise > AMPLE_SURPRISE):
            break
        smooth, colours = texture.smooth(sigma)
        pixels = smooth.reshape(-1, 3)
        white = colours.whitening
        usual, inside = (
            pixels.take(places, axis=0) - colours.centre for places in (texture.around, core.places)
        )
        footprint = max(1.0, 4 * math.pi * sigma**2)
        place, surprise, clear = _find_surprise(
            np.asarray(usual @ white),
            np.asarray(inside @ white),
            core,
            texture.ring_pixels / footprint,
            footprint,
        )
        if finest is None and clear >= CLEAR:
            finest = sigma
        if best is None or surprise > best.surprise:
            best = Cue(inside[place], sigma, False, surprise)
    assert best is not None
    best = replace(best, finest=best.sigma if finest is None else min(finest, best.sigma))
    if best.surprise >= CLEAR_SURPRISE:
        return best
    line = _find_line_cue(texture, core)
    return line if line.surprise > best.surprise else best


def _find_line_cue(texture: Texture, core: Core) -> Cue:
    """The same for thin lines, along the axis in which the texture varies most: brightness."""
    _, colours = texture.smooth(LINE_ACROSS)
    weights = colours.whitening[:, -1]
    score = np.asarray(subtract_colour(texture.view, colours.centre) @ weights, dtype=np.float32)
    bright, dark = (response.ravel() for response in compute_line_responses(score))
    footprint = 4 * math.pi * LINE_ACROSS * LINE_ALONG
    cues = []
    for response, sign in ((bright, 1), (dark, -1)):
        usual, inside = response[texture.around, None], response[core.places, None]
        count = texture.ring_pixels / footprint
        place, surprise, _ = _find_surprise(usual, inside, core, count, footprint, signs=(sign,))
        step = colours.axes[:, -1] * colours.spreads[-1] * inside[place]
        cues.append(Cue(step.astype(np.float32), LINE_ACROSS, True, surprise, LINE_ACROSS))
    return max(cues, key=lambda cue: cue.surprise)


def _find_surprise(
    usual: Float32Array,
    inside: Float32Array,
    core: Core,
    count: float,
    footprint: float,
    *,
    signs: tuple[int, ...] = (1, -1),
) -> tuple[int, float, float]:
    """Index of the core's most surprising place, its surprise, and its score over the extreme of
    the texture, over all axes.

    usual, inside: (n, k) scores of the texture and of the core along k axes. count: number of
    independent places in the texture. footprint: of the kernel, in pixels. Two assumptions: the
    distribution of the ring falls exponentially above its 99.5 % quantile, and the number of tries
    is the number of kernels that fit into the core.
    """
    low, lower, upper, high = find_tails(usual, OFTEN)
    margin = 1 + FEW_PLACES_MARGIN / math.sqrt(max(1.0, count))
    tries = math.log10(max(1.0, len(core.places) / footprint**TRIES_POWER))
    best, at, clear = -math.inf, 0, 0.0
    for sign in signs:
        rare, often = (high, upper) if sign > 0 else (-low, -lower)
        rare = margin * np.maximum(rare, 1.0)
        decade = np.maximum(rare - margin * often, 0.36 * rare)
        beyond = inside * (sign / decade).astype(np.float32)
        beyond += core.weight[:, None]
        beyond -= (rare / decade).astype(np.float32)
        place = int(np.argmax(beyond))
        if beyond.flat[place] > best:
            best, (at, axis) = float(beyond.flat[place]), divmod(place, inside.shape[1])
            clear = abs(float(inside[at, axis])) / float(rare[axis])
    return at, best - math.log10(RARE) - tries, clear
