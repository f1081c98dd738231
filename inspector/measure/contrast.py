"""Finds the colour direction and the smoothing in which a defect differs most from the texture."""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Mask
from inspector.measure.smoothing import (
    LINE_ACROSS,
    LINE_ALONG,
    Float32Array,
    blur,
    compute_line_responses,
)

NOISE_FLOOR: Final = 2.0
"""Grey levels that count as noise at every scale. No camera is more exact."""

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

SAMPLES: Final = 800
"""About the largest number of pixels that statistics use."""

TRIES_POWER: Final = 0.8
"""The number of tries is the area of the core over the kernel's footprint to this power. Then
texture alone has about the same surprise, near 1, through small and large kernels. With a power of
1 large kernels would always win."""

OFTEN: Final = 0.95
RARE: Final = 0.005
"""The tails of the texture are described by a quantile, and by an extreme that about this share of
its places exceed."""

ONE_SIDED: Final = 2.0
PER_OCTANT: Final = 100
"""Samples in each octant of the ring."""

_OCTANTS: Final = np.arange(8)
_OPPOSITE: Final = _OCTANTS ^ 6

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Colours:
    """Colours of the normal texture at one smoothing.

    centre: (3,) median. axes: (3, 3) principal axes as columns. spreads: (3,) standard deviations
    along them.
    """

    centre: Float32Array
    axes: Float32Array
    spreads: Float32Array

    @property
    def whitening(self) -> Float32Array:
        """(3, 3). (colour - centre) @ whitening has unit spread in every direction."""
        return np.asarray(self.axes / self.spreads, dtype=np.float32)


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


def flatten(pixels: Float32Array, ring: Mask) -> Float32Array:
    """Subtracts the plane through the normal texture from (h, w, 3), because light is seldom even.
    Changes the pixels in place. Returns the plane: (3, 3), rows for 1, x / w and y / h."""
    height, width = ring.shape
    places = thin_out(np.flatnonzero(ring))
    values = pixels.reshape(-1, 3).take(places, axis=0)
    channels = np.ascontiguousarray(values.T)
    centre, spread = _measure_spread(channels)
    off = np.abs(channels - centre[:, None])
    usual = np.flatnonzero((off < 3 * spread[:, None]).all(axis=0))
    rows, columns = np.divmod(places[usual], width)
    picked = np.empty((len(usual), 3), np.float32)
    picked[:, 0], picked[:, 1], picked[:, 2] = 1, columns / width - 0.5, rows / height - 0.5
    normal = (picked.T @ picked).astype(np.float64) + 1e-3 * np.eye(3)
    plane = np.linalg.solve(normal, picked.T @ values.take(usual, axis=0)).astype(np.float32)
    across = np.arange(width, dtype=np.float32) / np.float32(width) - np.float32(0.5)
    down = np.arange(height, dtype=np.float32) / np.float32(height) - np.float32(0.5)
    pixels -= (plane[0] + across[:, None] * plane[1])[None]
    for channel, slope in enumerate(plane[2]):
        pixels[..., channel] -= (down * slope)[:, None]
    return plane


def measure_colours(samples: Float32Array) -> Colours:
    """Measures (n, 3) samples of the texture. Outliers are clipped."""
    channels = np.ascontiguousarray(samples.T)
    centre, spread = _measure_spread(channels)
    limit = 3 * spread[:, None]
    clipped = np.ascontiguousarray(np.clip(channels - centre[:, None], -limit, limit).T)
    covariance = clipped.T @ clipped / len(clipped) + NOISE_FLOOR**2 * np.eye(3, dtype=np.float32)
    values, axes = np.linalg.eigh(covariance)
    return Colours(centre, axes, np.sqrt(values))


def find_cue(view: Float32Array, core: Core, ring: Mask) -> Cue:
    """Finds the cue with the largest surprise. view: (h, w, 3), flattened. ring: normal texture.

    Every smoothing is tried with every principal axis of the texture's colours, in both directions.
    Because each direction is tried separately, a dark scratch is visible among bright joints.
    """
    around = sample_octants(ring)
    widest = max(SIGMA_SHARE * math.sqrt(len(core.places) / math.pi), SIGMAS[0])
    best: Cue | None = None
    finest: float | None = None
    for sigma in SIGMAS:
        if sigma > widest or (best is not None and best.surprise > AMPLE_SURPRISE):
            break
        pixels = blur(view, sigma).reshape(-1, 3)
        colours = measure_colours(pixels[around])
        white = colours.whitening
        usual, inside = (pixels[p] - colours.centre for p in (around, core.places))
        footprint = max(1.0, 4 * math.pi * sigma**2)
        place, surprise, clear = _find_surprise(
            np.asarray(usual @ white), np.asarray(inside @ white), core, ring, footprint
        )
        if finest is None and clear >= CLEAR:
            finest = sigma
        if best is None or surprise > best.surprise:
            best = Cue(inside[place], sigma, False, surprise)
    assert best is not None
    best = replace(best, finest=best.sigma if finest is None else min(finest, best.sigma))
    if best.surprise >= CLEAR_SURPRISE:
        return best
    line = _find_line_cue(view, core, ring, around)
    return line if line.surprise > best.surprise else best


def _find_line_cue(view: Float32Array, core: Core, ring: Mask, around: Places) -> Cue:
    """The same for thin lines, along the axis in which the texture varies most: brightness."""
    colours = measure_colours(blur(view, LINE_ACROSS).reshape(-1, 3)[around])
    weights = colours.whitening[:, -1]
    score = np.asarray((view - colours.centre) @ weights, dtype=np.float32)
    bright, dark = (response.ravel() for response in compute_line_responses(score))
    footprint = 4 * math.pi * LINE_ACROSS * LINE_ALONG
    cues = []
    for response, sign in ((bright, 1), (dark, -1)):
        usual, inside = response[around, None], response[core.places, None]
        place, surprise, _ = _find_surprise(usual, inside, core, ring, footprint, signs=(sign,))
        step = colours.axes[:, -1] * colours.spreads[-1] * inside[place]
        cues.append(Cue(step.astype(np.float32), LINE_ACROSS, True, surprise, LINE_ACROSS))
    return max(cues, key=lambda cue: cue.surprise)


def _find_surprise(
    usual: Float32Array,
    inside: Float32Array,
    core: Core,
    ring: Mask,
    footprint: float,
    *,
    signs: tuple[int, ...] = (1, -1),
) -> tuple[int, float, float]:
    """Index of the core's most surprising place, its surprise, and its score over the extreme of
    the texture, over all axes.

    usual, inside: (n, k) scores of the texture and of the core along k axes. Two assumptions: the
    distribution of the ring falls exponentially above its 99.5 % quantile, and the number of tries
    is the number of kernels that fit into the core.
    """
    low, lower, upper, high = find_tails(usual, OFTEN)
    margin = 1 + FEW_PLACES_MARGIN / math.sqrt(max(1.0, np.count_nonzero(ring) / footprint))
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


def _measure_spread(channels: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Median and 1.4826 MAD of each row of (k, n). The second is always above 0."""
    (centre,) = _find_quantiles(channels.copy(), (0.5,))
    (off,) = _find_quantiles(np.abs(channels - centre[:, None]), (0.5,))
    return centre, np.float32(1.4826) * off + np.float32(0.5)


def _find_quantiles(channels: Float32Array, shares: tuple[float, ...]) -> Float32Array:
    """Quantiles of each row of (k, n), each the nearest sample: (len(shares), k). Reorders the
    rows."""
    places = [round(share * (channels.shape[1] - 1)) for share in shares]
    channels.partition(places, axis=1)
    return np.asarray(channels[:, places].T)


def sample_octants(ring: Mask) -> Places:
    """PER_OCTANT places in each octant of the ring around the middle of the view, in order.

    The number of an octant is 4 right + 2 below + more beside than above or below. An octant
    without ring takes the places of the opposite octant.
    """
    height, width = ring.shape
    places = np.flatnonzero(ring)
    places = places[:: max(1, len(places) // (24 * PER_OCTANT))]
    rows, columns = np.divmod(places, width)
    x, y = (2 * columns + 1 - width) * height, (2 * rows + 1 - height) * width
    octant = (x > 0) * np.uint8(4) + (y > 0) * np.uint8(2) + (np.abs(x) > np.abs(y))
    # The places octant by octant, and last all of them for two opposite octants without ring.
    order = np.concatenate((places[np.argsort(octant, kind="stable")], places))
    counts = np.append(np.bincount(octant, minlength=8), len(places))
    starts = np.cumsum(counts) - counts
    source = np.where(counts[:8] > 0, _OCTANTS, _OPPOSITE)
    source[counts[source] == 0] = 8
    steps = np.arange(PER_OCTANT) * counts[source, None] // PER_OCTANT
    return np.asarray(order[(starts[source, None] + steps).ravel()])


def find_tails(samples: Float32Array, often: float) -> Float32Array:
    """The tails of (n, k) samples of sample_octants(): the quantiles RARE, 1 - often, often and
    1 - RARE, (4, k).

    A part of the defect may lie in the ring, such as a scratch that leaves a spot. It is on one
    side only. Texture, such as wood, is on both sides. So if the tail of all samples is more than
    ONE_SIDED times the tail that two opposite octants have, the latter counts.
    """
    shares = RARE, 1 - often, often, 1 - RARE
    tails = _find_quantiles(np.ascontiguousarray(samples.T), shares)
    octants = np.ascontiguousarray(samples.T).reshape(-1, 8, PER_OCTANT)
    low, high = octants.min(axis=2), octants.max(axis=2)
    low = np.maximum(low, low[:, _OPPOSITE]).min(axis=1)
    high = np.minimum(high, high[:, _OPPOSITE]).max(axis=1)
    for rare, usual, both in ((0, 1, low), (3, 2, high)):
        one_sided = np.abs(tails[rare]) > ONE_SIDED * np.maximum(np.abs(both), 1.0)
        if one_sided.any():
            tails[rare, one_sided] = both[one_sided]
            limit = np.abs(tails[rare])
            np.clip(tails[usual], -limit, limit, out=tails[usual])
    return tails


def thin_out(samples: Places) -> Places:
    """About SAMPLES of the samples."""
    return samples[:: max(1, len(samples) // SAMPLES)]
