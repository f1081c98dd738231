"""Cuts the view of a region into the defects that differ from the texture around them."""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from inspector.core.arrays import Mask
from inspector.measure.contrast import CLEAR, Cue
from inspector.measure.smoothing import (
    Float32Array,
    compute_line_responses,
    find_crop,
    find_quantile,
    grow_mask,
    multiply_colours,
)
from inspector.measure.texture import OFTEN, Colours, Texture, find_tails, subtract_colour

SEED_FACTOR: Final = 1.5
"""A defect grows from pixels whose contrast is above the texture's extreme by this factor."""

GROW_FACTOR: Final = 0.75
"""It grows over pixels whose contrast is above the texture's extreme by this factor."""

FAINT: Final = 0.15
"""Parts with less than this share of the highest contrast do not belong to the defect. """

HALF: Final = 0.5
"""It ends at this share of the highest contrast nearby."""

NEAR_SIGMAS: Final = 2.5
"""How far 'nearby' is, in sigmas of the smoothing."""

HOLE_SHARE: Final = 0.05
"""Share of a defect. Smaller holes are filled."""

FOREIGN_SIGMAS: Final = 3.5
"""A larger hole is filled if its mean colour is this far from that of the texture."""

SURE: Final = 1.5
"""Pixels below the texture's extreme times this factor may be texture. Where they form threads,
they are removed."""

THREAD_SHARE: Final = 0.45
"""Width of such threads, as a share of the width of the defect."""

LEAST_SIGMA: Final = 0.7


@dataclass(frozen=True, slots=True)
class Contrast:
    """The contrast of a view at one smoothing, in units of the texture's extremes.

    signals: (k, h, w), each positive where the picture differs in one way: like the defect, in the
    opposite way, and in another colour. sigma: smoothing in pixels of the view. clearness: contrast
    of the defect over the extreme of the texture.
    """

    signals: Float32Array
    scores: Float32Array
    ring: Mask
    colours: Colours
    weights: Float32Array
    sigma: float
    clearness: float


def measure_contrast(texture: Texture, cue: Cue, sigma: float) -> Contrast:
    """Measures how a view differs from the texture, at one smoothing."""
    height, width = texture.ring.shape
    smooth, colours = texture.smooth(sigma)
    white = colours.whitening
    scores = subtract_colour(smooth, colours.centre).reshape(-1, 3) @ white
    along = cue.step @ white
    strength = max(float(np.linalg.norm(along)), 1e-6)
    main = scores @ (along / np.float32(strength))
    if cue.line:
        bright, dark = compute_line_responses(main.reshape(height, width))
        signals = [bright.ravel(), -dark.ravel()]
    else:
        rest = multiply_colours(scores, scores)
        rest -= main * main
        np.sqrt(np.maximum(rest, 0, out=rest), out=rest)
        signals = [main, -main, rest]
    usual = np.stack([signal[texture.around] for signal in signals], axis=1)
    extremes = np.maximum(find_tails(usual, OFTEN)[-1], 1.0)
    stack = np.stack(signals) / extremes[:, None].astype(np.float32)
    return Contrast(
        np.asarray(stack.reshape(-1, height, width), dtype=np.float32),
        np.asarray(scores.reshape(height, width, 3), dtype=np.float32),
        texture.ring,
        colours,
        np.asarray(white @ (along / np.float32(strength)), dtype=np.float32),
        sigma,
        strength / float(extremes[0]),
    )


def choose_contrast(texture: Texture, cue: Cue) -> Contrast:
    """Measures the contrast at the finest smoothing that the texture allows. cue: in pixels of the
    view."""
    contrast: Contrast | None = None
    for sigma in sorted({max(LEAST_SIGMA, s) for s in (0.7 * cue.finest, cue.finest, cue.sigma)}):
        contrast = measure_contrast(texture, cue, sigma)
        if contrast.clearness >= CLEAR:
            break
    assert contrast is not None
    return contrast


def find_segments(
    contrast: Contrast, core: Mask, support: Mask, near: float | None = None
) -> list[Mask]:
    """Finds the connected parts that differ from the texture and touch the core, largest first.

    Pixels of either sign and of any colour belong to the same defect, such as a bright core in a
    dark rim. Each sign ends at half of its highest contrast nearby, so a faint scratch stays whole
    beside a strong spot.
    """
    reach = max(1, math.ceil(NEAR_SIGMAS * contrast.sigma)) if near is None else math.ceil(near)
    window = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    seeds = np.zeros(core.shape, dtype=bool)
    mask = np.zeros(core.shape, dtype=bool)
    sure = np.zeros(core.shape, dtype=bool)
    strongest = float(contrast.signals[0][core & support].max(initial=0.0))
    faint = FAINT * strongest
    for number, signal in enumerate(contrast.signals):
        least = max(faint, SEED_FACTOR if number else min(SEED_FACTOR, 0.9 * strongest))
        seed = signal >= least
        if number and not (seed & support).any():
            continue
        grow = max(faint, min(GROW_FACTOR if number == 0 else 1.0, least))
        highest = cv2.dilate(signal, window)
        half = signal >= np.float32(HALF) * highest
        mask |= half & (signal >= grow)
        sure |= half & (signal >= max(grow, SURE))
        seeds |= seed
    mask &= support
    closed = close_gaps(mask, contrast.sigma) & support if len(contrast.signals) > 2 else mask
    parts = [fill_holes(part, contrast) for part in split_touching(closed, seeds & core & mask)]
    if faint >= SURE:
        return parts
    whole = np.zeros(core.shape, dtype=bool)
    for part in parts:
        whole |= remove_threads(part, sure)
    return split_touching(whole, seeds & core & mask)


def fill_holes(mask: Mask, contrast: Contrast) -> Mask:
    """Fills the holes of a mask that do not look like the texture around it on average."""
    rest = (~mask).view(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(rest, connectivity=4)
    rows, columns = mask.shape
    filled = mask
    for label in range(1, count):
        x, y, width, height, area = stats[label].tolist()
        if x == 0 or y == 0 or x + width == columns or y + height == rows:
            continue
        hole = labels == label
        if area <= HOLE_SHARE * np.count_nonzero(mask) or _is_foreign(hole, area, contrast):
            filled = filled | hole
    return filled


def _is_foreign(hole: Mask, area: int, contrast: Contrast) -> bool:
    """Whether the mean colour of a hole is unusual among patches of its size in the texture."""
    side = max(1, round(math.sqrt(area)))
    patches = cv2.blur(contrast.scores, (side, side))[contrast.ring]
    centre = patches.mean(axis=0)
    spread = np.maximum(patches.std(axis=0), 0.3)
    off = (contrast.scores[hole].mean(axis=0) - centre) / spread
    return bool(np.abs(off).max() > FOREIGN_SIGMAS)


def remove_threads(mask: Mask, sure: Mask) -> Mask:
    """Removes thin threads from the mask by an opening with a disc, except where it is sure.

    The radius of the disc is a share of the radius of the largest inscribed disc.
    """
    crop = find_crop(mask, 0)
    padded = cv2.copyMakeBorder(mask[crop].view(np.uint8), 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=0)
    away = cv2.distanceTransform(padded, cv2.DIST_L2, 5)
    disc = THREAD_SHARE * float(away.max())
    if disc < 1.0:
        return mask
    opened = mask & sure
    opened[crop] |= mask[crop] & grow_mask(away > disc, disc)[2:-2, 2:-2]
    return opened


def measure_clearness(contrast: Contrast, mask: Mask) -> float:
    """Contrast of the clear part of a mask, in units of the texture's extreme."""
    return find_quantile(np.max(contrast.signals[:, mask], axis=0), 0.75)


def close_gaps(mask: Mask, sigma: float) -> Mask:
    """Closes gaps where the contrast changes its sign."""
    side = 2 * max(1, round(0.8 * sigma)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_CLOSE, disc).astype(bool)


def split_touching(mask: Mask, seeds: Mask) -> list[Mask]:
    """The connected parts of a mask that share a pixel with the seeds, largest first."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    touched = np.unique(labels[seeds])
    touched = touched[touched > 0]
    order = touched[np.argsort(-stats[touched, cv2.CC_STAT_AREA])]
    return [np.asarray(labels == label) for label in order]
