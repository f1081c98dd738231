"""What tells a defect from the texture around it: a colour direction and a smoothing scale."""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Mask

Floats = npt.NDArray[np.float32]
"""(h, w) or (h, w, 3) float32."""

SIGMAS: Final = (0.7, 1.2, 2.0, 3.5, 6.0, 10.0)
"""Gaussians tried, in pixels of the patch."""

FLOOR: Final = 2.0
"""Grey levels that count as noise at every scale: no camera's colours are truer than that."""

RING_QUANTILE: Final = 0.995
"""The texture's own extremes, in each direction, that a defect has to surpass."""

LINE_ALONG: Final = 6.0
LINE_ANGLES: Final = 12
RESAMPLED: Final = 0.55
"""Extra blur of turning a picture and back by linear interpolation: 2 x 1/6 pixel squared."""

LINE_IF_BELOW: Final = 2.5
"""Lines are looked for where nothing round surpasses the texture by this factor."""

_SAMPLES: Final = 4000


@dataclass(frozen=True, slots=True)
class Cue:
    """How the defect differs: contrast = (picture - background) @ weights, smoothed, is about 1
    on the defect and 0 around it.

    weights, background: (3,) per channel. sigma: of the smoothing that the defect stands out in
    most, in pixels of the patch it was found on. line: smoothed along a line instead of evenly.
    stands_out: largest contrast in the core over the texture's own extreme.
    """

    weights: Floats
    background: Floats
    sigma: float
    line: bool
    stands_out: float


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


def find_cue(patch: Floats, core: Mask, ring: Mask) -> Cue:
    """patch: (h, w, 3), flattened. core: where the map is high. ring: normal texture.

    For every scale and every principal axis of the texture's colours, in both directions: how far
    does the core surpass what the texture itself reaches? Looking along each direction for itself
    lets a dark scratch stand out among bright joints.
    """
    best: Cue | None = None
    for sigma in SIGMAS:
        smooth = blur(patch, sigma)
        centre, axes, spreads = _axes(smooth[ring])
        scores = (smooth - centre) @ (axes / spreads)
        for axis in range(3):
            for sign in (1.0, -1.0):
                score = np.asarray(scores[..., axis] * sign, dtype=np.float32)
                place, ratio = _stands_out(score, core, ring)
                if best is None or ratio > best.stands_out:
                    step = smooth.reshape(-1, 3)[place] - centre
                    best = Cue(_weights(step, axes, spreads), centre, sigma, False, ratio)
    assert best is not None
    if best.stands_out >= LINE_IF_BELOW:
        return best
    line = _line_cue(patch, core, ring)
    return line if line.stands_out > best.stands_out else best


def _line_cue(patch: Floats, core: Mask, ring: Mask) -> Cue:
    """The same for thin lines, along the axis in which the texture varies most: brightness."""
    sigma = SIGMAS[0]
    centre, axes, spreads = _axes(blur(patch, sigma)[ring])
    weights = (axes[:, -1] / spreads[-1]).astype(np.float32)
    score = (patch - centre) @ weights
    found = []
    for sign in (1.0, -1.0):
        response = line_response(sign * score, sigma)
        place, ratio = _stands_out(response, core, ring)
        amplitude = max(float(response.flat[place]), 1e-6)
        found.append(Cue(weights * np.float32(sign / amplitude), centre, sigma, True, ratio))
    return max(found, key=lambda cue: cue.stands_out)


def again(cue: Cue, patch: Floats, mask: Mask, ring: Mask) -> Cue:
    """The cue with the colour of the whole defect instead of its most striking pixel."""
    smooth = blur(patch, SIGMAS[0] if cue.line else cue.sigma)
    centre, axes, spreads = _axes(smooth[ring])
    step = smooth[mask].mean(axis=0) - centre
    return Cue(_weights(step, axes, spreads), centre, cue.sigma, cue.line, cue.stands_out)


def project(patch: Floats, cue: Cue) -> Floats:
    """(h, w, 3) -> (h, w): the contrast, not smoothed."""
    return np.asarray((patch - cue.background) @ cue.weights, dtype=np.float32)


def blur(values: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), dtype=np.float32)


def line_response(contrast: Floats, sigma: float) -> Floats:
    """(h, w): the largest mean along a short line through each pixel, over LINE_ANGLES angles.

    Smooths by LINE_ALONG along the line and sigma across it.
    """
    height, width = contrast.shape
    side = math.ceil(math.hypot(height, width)) + 2
    best = np.full((height, width), -np.inf, dtype=np.float32)
    for index in range(LINE_ANGLES):
        turn = cv2.getRotationMatrix2D(
            ((width - 1) / 2, (height - 1) / 2), 180 * index / LINE_ANGLES, 1.0
        )
        turn[:, 2] += ((side - width) / 2, (side - height) / 2)
        turned = cv2.warpAffine(contrast, turn, (side, side), borderMode=cv2.BORDER_REPLICATE)
        cv2.GaussianBlur(turned, (0, 0), LINE_ALONG, dst=turned, sigmaY=sigma)
        back = cv2.warpAffine(
            turned, turn, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        np.maximum(best, back, out=best)
    return best


def _stands_out(score: Floats, core: Mask, ring: Mask) -> tuple[int, float]:
    """Flat index of the core's highest score, and its ratio to the ring's own extreme."""
    place = int(np.argmax(np.where(core, score, -np.inf)))
    around = score[ring]
    step = max(1, len(around) // _SAMPLES)
    extreme = max(float(np.quantile(around[::step], RING_QUANTILE)), 1.0)
    return place, float(score.flat[place]) / extreme


def _axes(samples: Floats) -> tuple[Floats, Floats, Floats]:
    """Median, principal axes (columns) and standard deviations along them, outliers clipped."""
    samples = samples[:: max(1, len(samples) // _SAMPLES)]
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
