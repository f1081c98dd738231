"""What tells a defect from the texture around it: a colour direction and a smoothing."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from inspector.core.arrays import Mask
from inspector.measure.smoothing import LINES, ROUND, Floats, Kernel, blur, line_responses

FLOOR: Final = 2.0
"""Grey levels that count as noise at every scale: no camera's colours are truer than that."""

SURE: Final = 8.0
"""Lines are not looked for where something round is this far beyond the texture already."""

UNSURE: Final = 2.0
"""Few independent places in the ring know their own extremes badly: limits widen by this over the
root of their number."""

PRIOR: Final = 2.0
"""How much more the peak of the map counts than its foot, in powers of ten per power of ten."""

_SAMPLES: Final = 2500
ROOT: Final = 0.8
"""Power of a kernel's footprint by which it has fewer tries. Mere texture then is about equally
surprising, near 1, through small and large kernels; with 1 the large ones are always favoured."""

_TAIL: Final = (0.95, 0.995)


@dataclass(frozen=True, slots=True)
class Cue:
    """How the defect differs: contrast = (picture - background) @ weights, smoothed by the kernel
    that it stands out in most, is about 1 on the defect and 0 around it.

    weights, background: (3,) per channel. kernel: in pixels of the patch. surprise: minus the
    decimal logarithm of how often the texture would do that by itself in the core.
    """

    weights: Floats
    background: Floats
    kernel: Kernel
    surprise: float


@dataclass(frozen=True, slots=True)
class Core:
    """Where the defect should be: mask, and how the map weighs each pixel there, 0 at its peak
    and negative elsewhere, as a power of ten."""

    mask: Mask
    weight: Floats


def core_of(values: Floats, inside: Mask, share: float) -> Core:
    """values: the map at the patch's pixels. share: of the way from the region's border to its
    peak, from where on the core begins."""
    low, high = float(values[inside].min()), float(values[inside].max())
    if high <= low:
        return Core(inside, np.zeros_like(values))
    way = np.clip((values - low) / (high - low), 1e-3, 1.0)
    return Core(inside & (way >= share), np.asarray(PRIOR * np.log10(way), dtype=np.float32))


def flatten(patch: Floats, ring: Mask) -> Floats:
    """The patch less the plane through its normal texture: light is seldom even."""
    height, width = ring.shape
    rows, columns = np.nonzero(ring)
    step = max(1, len(rows) // _SAMPLES)
    rows, columns = rows[::step], columns[::step]
    values = patch[rows, columns]
    centre, spread = _robust(values)
    usual = (np.abs(values - centre) < 3 * spread).all(axis=1)
    places = np.column_stack((np.ones(len(rows)), columns / width - 0.5, rows / height - 0.5))
    plane = np.linalg.lstsq(places[usual], values[usual], rcond=None)[0].astype(np.float32)
    across = (np.arange(width, dtype=np.float32) / width - 0.5)[None, :, None] * plane[1]
    down = (np.arange(height, dtype=np.float32) / height - 0.5)[:, None, None] * plane[2]
    return patch - plane[0] - across - down


def find_cue(patch: Floats, core: Core, ring: Mask) -> Cue:
    """patch: (h, w, 3), flattened. ring: normal texture.

    For every smoothing and every principal axis of the texture's colours, in both directions: how
    far does the core surpass what the texture itself does? Looking along each direction for itself
    lets a dark scratch stand out among bright joints.
    """
    best: Cue | None = None
    for kernel in ROUND:
        seen = blur(patch, kernel.across)
        centre, axes, spreads = _axes(seen[ring])
        scores = (seen - centre) @ (axes / spreads)
        for axis in range(3):
            for sign in (1.0, -1.0):
                score = np.asarray(sign * scores[..., axis], dtype=np.float32)
                place, surprise = _surprise(score, core, ring, kernel)
                if best is None or surprise > best.surprise:
                    step = seen.reshape(-1, 3)[place] - centre
                    best = Cue(_weights(step, axes, spreads), centre, kernel, surprise)
    assert best is not None
    if best.surprise >= SURE:
        return best
    line = _line_cue(patch, core, ring)
    return line if line.surprise > best.surprise else best


def _line_cue(patch: Floats, core: Core, ring: Mask) -> Cue:
    """The same for thin lines, along the axis in which the texture varies most: brightness."""
    centre, axes, spreads = _axes(blur(patch, LINES[0].across)[ring])
    weights = (axes[:, -1] / spreads[-1]).astype(np.float32)
    score = np.asarray((patch - centre) @ weights, dtype=np.float32)
    found = []
    for kernel, (bright, dark) in zip(LINES, line_responses(score, LINES), strict=True):
        for sign, response in ((1.0, bright), (-1.0, -dark)):
            place, surprise = _surprise(response, core, ring, kernel)
            amplitude = max(float(response.flat[place]), 1e-6)
            found.append(Cue(weights * np.float32(sign / amplitude), centre, kernel, surprise))
    return max(found, key=lambda cue: cue.surprise)


def again(cue: Cue, patch: Floats, mask: Mask, ring: Mask) -> Cue:
    """The cue with the colour of the whole defect instead of its most striking pixel."""
    seen = blur(patch, cue.kernel.across)
    centre, axes, spreads = _axes(seen[ring])
    step = seen[mask].mean(axis=0) - centre
    return Cue(_weights(step, axes, spreads), centre, cue.kernel, cue.surprise)


def project(patch: Floats, cue: Cue) -> Floats:
    """(h, w, 3) -> (h, w): the contrast, not smoothed."""
    return np.asarray((patch - cue.background) @ cue.weights, dtype=np.float32)


def extreme(contrast: Floats, ring: Mask) -> float:
    """What the texture itself reaches."""
    return float(np.quantile(_some(contrast[ring]), _TAIL[1]))


def _surprise(score: Floats, core: Core, ring: Mask, kernel: Kernel) -> tuple[int, float]:
    """Flat index of the core's most surprising place, and how surprising it is.

    The ring's distribution is taken to fall exponentially beyond its own 99.5 %, and the core to
    be as many tries as kernels fit into it.
    """
    usual, rare = np.quantile(_some(score[ring]), _TAIL)
    unsure = 1 + UNSURE / float(np.sqrt(max(1.0, ring.sum() / kernel.footprint)))
    rare = unsure * max(float(rare), 1.0)
    decade = max(rare - unsure * float(usual), 0.36 * rare)
    beyond = np.where(core.mask, score / decade + core.weight, -np.inf)
    place = int(np.argmax(beyond))
    tries = max(1.0, float(core.mask.sum()) / kernel.footprint**ROOT)
    likely = np.log10(1 - _TAIL[1])
    return place, float(beyond.flat[place]) - rare / decade - likely - float(np.log10(tries))


def _axes(samples: Floats) -> tuple[Floats, Floats, Floats]:
    """Median, principal axes (columns) and standard deviations along them, outliers clipped."""
    samples = _some(samples)
    centre, spread = _robust(samples)
    clipped = np.clip(samples - centre, -3 * spread, 3 * spread)
    covariance = clipped.T @ clipped / len(clipped) + FLOOR**2 * np.eye(3)
    values, axes = np.linalg.eigh(covariance)
    return centre, axes.astype(np.float32), np.sqrt(values).astype(np.float32)


def _weights(step: Floats, axes: Floats, spreads: Floats) -> Floats:
    """Fisher's linear discriminant for a step of colour, scaled to 1 on that step."""
    direction = axes @ ((axes.T @ step) / spreads**2)
    return np.asarray(direction / max(float(direction @ step), 1e-6), dtype=np.float32)


def _robust(samples: Floats) -> tuple[Floats, Floats]:
    """Median and 1.4826 MAD per channel; the latter above 0."""
    centre = np.median(samples, axis=0)
    spread = 1.4826 * np.median(np.abs(samples - centre), axis=0) + 0.5
    return centre.astype(np.float32), spread.astype(np.float32)


def _some(samples: Floats) -> Floats:
    return samples[:: max(1, len(samples) // _SAMPLES)]
