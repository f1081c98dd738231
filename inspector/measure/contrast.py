"""Finds the colour direction and the smoothing in which a defect differs most from the texture."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from inspector.core.arrays import Mask
from inspector.measure.smoothing import (
    LINES,
    ROUND,
    Float32Array,
    Kernel,
    blur,
    compute_line_responses,
)

NOISE_FLOOR: Final = 2.0
"""Grey levels that count as noise at every scale. No camera is more exact."""

CLEAR_SURPRISE: Final = 8.0
"""Lines are not searched if a round kernel already gives this surprise."""

FEW_PLACES_MARGIN: Final = 2.0
"""A ring with few independent places gives uncertain extremes. Limits are widened by this number
over the square root of the number of places."""

MAP_POWER: Final = 2.0
"""The weight of a pixel is its map value, scaled to 0 to 1 over the region, to this power."""

_SAMPLES: Final = 2500
"""About the largest number of pixels that statistics use."""

TRIES_POWER: Final = 0.8
"""The number of tries is the area of the core over the kernel's footprint to this power. Then
texture alone has about the same surprise, near 1, through small and large kernels. With a power of
1 large kernels would always win."""

_TAIL: Final = (0.95, 0.995)
"""Quantiles of the texture that describe its tail."""


@dataclass(frozen=True, slots=True)
class Cue:
    """How the defect differs from the texture.

    The contrast is (picture - background) @ weights, smoothed by the kernel in which the defect
    differs most. It is about 1 on the defect and 0 around it. weights, background: (3,) per
    channel. kernel: in pixels of the patch. surprise: minus the decimal logarithm of the number of
    places in the core that would have such a contrast if there were only texture.
    """

    weights: Float32Array
    background: Float32Array
    kernel: Kernel
    surprise: float


@dataclass(frozen=True, slots=True)
class Core:
    """Where the defect should be. weight: decimal logarithm of the weight of each pixel, 0 at the
    peak of the map and negative elsewhere."""

    mask: Mask
    weight: Float32Array


def find_core(values: Float32Array, inside: Mask, share: float) -> Core:
    """Finds the core of a region.

    values: the map at the patch's pixels. share: the core begins at this share of the way from the
    lowest to the highest value of the region.
    """
    low, high = float(values[inside].min()), float(values[inside].max())
    if high <= low:
        return Core(inside, np.zeros_like(values))
    way = np.clip((values - low) / (high - low), 1e-3, 1.0)
    return Core(inside & (way >= share), np.asarray(MAP_POWER * np.log10(way), dtype=np.float32))


def flatten(patch: Float32Array, ring: Mask) -> Float32Array:
    """Subtracts the plane through the normal texture, because light is seldom even."""
    height, width = ring.shape
    rows, columns = np.nonzero(ring)
    step = max(1, len(rows) // _SAMPLES)
    rows, columns = rows[::step], columns[::step]
    values = patch[rows, columns]
    centre, spread = _measure_spread(values)
    usual = (np.abs(values - centre) < 3 * spread).all(axis=1)
    places = np.column_stack((np.ones(len(rows)), columns / width - 0.5, rows / height - 0.5))
    plane = np.linalg.lstsq(places[usual], values[usual], rcond=None)[0].astype(np.float32)
    across = (np.arange(width, dtype=np.float32) / width - 0.5)[None, :, None] * plane[1]
    down = (np.arange(height, dtype=np.float32) / height - 0.5)[:, None, None] * plane[2]
    return patch - plane[0] - across - down


def find_cue(patch: Float32Array, core: Core, ring: Mask) -> Cue:
    """Finds the cue with the largest surprise. patch: (h, w, 3), flattened. ring: normal texture.

    Every smoothing is tried with every principal axis of the texture's colours, in both directions.
    Because each direction is tried separately, a dark scratch is found among bright joints.
    """
    best: Cue | None = None
    for kernel in ROUND:
        blurred = blur(patch, kernel.across)
        centre, axes, spreads = _find_axes(blurred[ring])
        scores = (blurred - centre) @ (axes / spreads)
        for axis in range(3):
            for sign in (1.0, -1.0):
                score = np.asarray(sign * scores[..., axis], dtype=np.float32)
                place, surprise = _find_surprise(score, core, ring, kernel)
                if best is None or surprise > best.surprise:
                    step = blurred.reshape(-1, 3)[place] - centre
                    best = Cue(_compute_weights(step, axes, spreads), centre, kernel, surprise)
    assert best is not None
    if best.surprise >= CLEAR_SURPRISE:
        return best
    line = _find_line_cue(patch, core, ring)
    return line if line.surprise > best.surprise else best


def _find_line_cue(patch: Float32Array, core: Core, ring: Mask) -> Cue:
    """The same for thin lines, along the axis in which the texture varies most: brightness."""
    centre, axes, spreads = _find_axes(blur(patch, LINES[0].across)[ring])
    weights = (axes[:, -1] / spreads[-1]).astype(np.float32)
    score = np.asarray((patch - centre) @ weights, dtype=np.float32)
    cues = []
    for kernel, (bright, dark) in zip(LINES, compute_line_responses(score, LINES), strict=True):
        for sign, response in ((1.0, bright), (-1.0, -dark)):
            place, surprise = _find_surprise(response, core, ring, kernel)
            amplitude = max(float(response.flat[place]), 1e-6)
            cues.append(Cue(weights * np.float32(sign / amplitude), centre, kernel, surprise))
    return max(cues, key=lambda cue: cue.surprise)


def recolour_cue(cue: Cue, patch: Float32Array, mask: Mask, ring: Mask) -> Cue:
    """Replaces the colour of the cue by the mean colour of a mask of the defect."""
    blurred = blur(patch, cue.kernel.across)
    centre, axes, spreads = _find_axes(blurred[ring])
    step = blurred[mask].mean(axis=0) - centre
    return Cue(_compute_weights(step, axes, spreads), centre, cue.kernel, cue.surprise)


def project(patch: Float32Array, cue: Cue) -> Float32Array:
    """Computes the contrast without smoothing: (h, w, 3) -> (h, w)."""
    return np.asarray((patch - cue.background) @ cue.weights, dtype=np.float32)


def measure_extreme(contrast: Float32Array, ring: Mask) -> float:
    """Highest contrast of the texture, without outliers."""
    return float(np.quantile(_thin_out(contrast[ring]), _TAIL[1]))


def _find_surprise(
    score: Float32Array, core: Core, ring: Mask, kernel: Kernel
) -> tuple[int, float]:
    """Flat index of the core's most surprising place, and its surprise.

    Two assumptions: the distribution of the ring falls exponentially above its 99.5 % quantile, and
    the number of tries is the number of kernels that fit into the core.
    """
    usual, rare = np.quantile(_thin_out(score[ring]), _TAIL)
    margin = 1 + FEW_PLACES_MARGIN / float(np.sqrt(max(1.0, ring.sum() / kernel.footprint)))
    rare = margin * max(float(rare), 1.0)
    decade = max(rare - margin * float(usual), 0.36 * rare)
    beyond = np.where(core.mask, score / decade + core.weight, -np.inf)
    place = int(np.argmax(beyond))
    tries = max(1.0, float(core.mask.sum()) / kernel.footprint**TRIES_POWER)
    likely = np.log10(1 - _TAIL[1])
    return place, float(beyond.flat[place]) - rare / decade - likely - float(np.log10(tries))


def _find_axes(samples: Float32Array) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Median, principal axes (columns) and standard deviations along them. Outliers are clipped."""
    samples = _thin_out(samples)
    centre, spread = _measure_spread(samples)
    clipped = np.clip(samples - centre, -3 * spread, 3 * spread)
    covariance = clipped.T @ clipped / len(clipped) + NOISE_FLOOR**2 * np.eye(3)
    values, axes = np.linalg.eigh(covariance)
    return centre, axes.astype(np.float32), np.sqrt(values).astype(np.float32)


def _compute_weights(step: Float32Array, axes: Float32Array, spreads: Float32Array) -> Float32Array:
    """Fisher's linear discriminant for a step of colour, scaled to 1 on that step."""
    direction = axes @ ((axes.T @ step) / spreads**2)
    return np.asarray(direction / max(float(direction @ step), 1e-6), dtype=np.float32)


def _measure_spread(samples: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Median and 1.4826 MAD per channel. The second is always above 0."""
    centre = np.median(samples, axis=0)
    spread = 1.4826 * np.median(np.abs(samples - centre), axis=0) + 0.5
    return centre.astype(np.float32), spread.astype(np.float32)


def _thin_out(samples: Float32Array) -> Float32Array:
    return samples[:: max(1, len(samples) // _SAMPLES)]
