"""Measures how a defect differs from its surroundings: brightness, colour, edge, two signs."""

import math
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Mask
from inspector.explain.surroundings import Floats, View

CORE_SHARE: Final = 0.35
"""The core of a defect: pixels that are deeper than this share of its depth."""

LEAST_STEP: Final = 0.01
"""A smaller difference in CIELAB is rounding."""

LEAST_EDGE_PIXELS: Final = 6
"""Pixels of one distance from the outline that give a value of the profile of the edge."""

TEXTURE_PX: Final = 2.0
"""Standard deviation of the blur that separates fine texture from the rest."""

LEAST_TEXTURE: Final = 1 / 1024
"""Fine texture below a quarter of a grey level is rounding."""

TWO_SIGNS_NOISE: Final = 2.5
TWO_SIGNS_SHARE: Final = 0.3
"""A pixel is brighter or darker than the surroundings if its difference reaches so many standard
deviations of the surroundings, and this share of the largest difference."""


def measure_look(view: View, diameter: float) -> dict[str, float]:
    """The figures of the look; docs/explanations.md defines them. diameter: of the circle with the
    area of the defect, in frame pixels."""
    core = view.depth >= CORE_SHARE * float(view.depth.max())
    around = np.median(view.lab[view.around], axis=0)
    step = np.mean(view.lab[core], axis=0) - around
    usual = _octant_medians(view, view.grey)
    brightness = max(float(np.median(view.grey[view.around])), 1 / 255)
    contrast = float(view.grey[core].mean()) / brightness - 1
    light, colour = abs(float(step[0])), float(math.hypot(step[1], step[2]))
    total = max(math.hypot(light, colour), 1e-6)
    spread = np.std([_octant_medians(view, view.lab[..., k]) for k in range(3)], axis=1)
    figures = {
        "contrast": contrast,
        "contrast_u": float(np.std(usual)) / brightness,
        "delta_l": float(step[0]),
        "delta_a": float(step[1]),
        "delta_b": float(step[2]),
        "delta_e": total,
        "delta_e_u": float(np.linalg.norm(spread)),
        "signal": total / max(float(np.linalg.norm(spread)), 0.1),
        "colour_share": colour / total,
    }
    texture = _measure_texture(view, core)
    if texture is not None:
        figures["texture_share"] = texture / max(contrast + 1, 1e-3)
    bright, dark = _measure_signs(view, diameter)
    figures |= {"bright_share": bright, "dark_share": dark}
    edge = _measure_edge(view, step, around)
    if edge is not None:
        figures |= {"edge_px": edge, "edge_share": edge / diameter}
    return figures


def _octant_medians(view: View, values: Floats) -> npt.NDArray[np.float64]:
    """The median of the surroundings in each direction. Their spread says how much the surface
    differs from place to place without a defect."""
    numbers, picked = view.octants[view.around], values[view.around]
    parts = [picked[numbers == k] for k in range(8)]
    return np.array([np.median(part) for part in parts if len(part)])


def _measure_texture(view: View, core: Mask) -> float | None:
    """How strong the fine texture of the core is, in shares of that around it (medians of the
    magnitudes, so that single pixels do not matter). None: there is no texture around."""
    fine = np.abs(view.grey - np.asarray(cv2.GaussianBlur(view.grey, (0, 0), TEXTURE_PX)))
    around = float(np.median(fine[view.around]))
    return float(np.median(fine[core])) / around if around > LEAST_TEXTURE else None


def _measure_signs(view: View, diameter: float) -> tuple[float, float]:
    """Shares of the defect that are clearly brighter and clearly darker than the surroundings."""
    sigma = max(0.06 * diameter, 1.0)
    smooth = np.asarray(cv2.GaussianBlur(view.lab[..., 0], (0, 0), sigma))
    around = smooth[view.around]
    difference = smooth[view.inside] - np.median(around)
    largest = float(np.quantile(np.abs(difference), 0.95))
    limit = max(TWO_SIGNS_NOISE * float(np.std(around)), TWO_SIGNS_SHARE * largest)
    return float((difference > limit).mean()), float((difference < -limit).mean())


def _measure_edge(view: View, step: Floats, around: Floats) -> float | None:
    """Distance across the outline from 20 % to 80 % of the difference, in frame pixels. None: the
    defect is too small, or does not differ."""
    length = float(np.linalg.norm(step))
    if length < LEAST_STEP:
        return None
    along = (view.lab - around.astype(np.float32)) @ (step / np.float32(length))
    near = (view.depth > -_reach(view)) & ~view.blocked
    known: Mask = view.around | view.inside | near
    bins = np.rint(view.depth[known]).astype(int)
    low = int(bins.min())
    counts = np.bincount(bins - low)
    sums = np.bincount(bins - low, weights=along[known])
    enough = counts >= LEAST_EDGE_PIXELS
    places, profile = np.flatnonzero(enough) + low, sums[enough] / counts[enough]
    if not len(places) or places[-1] < 1:
        return None
    top = float(np.mean(profile[places >= CORE_SHARE * places[-1]]))
    if top <= 0:
        return None
    profile = profile / top
    inner, outer = _crossing(places, profile, 0.8), _crossing(places, profile, 0.2)
    return None if inner is None or outer is None else max(inner - outer, 0.0)


def _reach(view: View) -> float:
    return 3.0 + float(view.depth.max()) / 4


def _crossing(
    places: npt.NDArray[np.int64], profile: npt.NDArray[np.float64], level: float
) -> float | None:
    """Where the profile crosses a level nearest to the outline."""
    above = profile >= level
    changes = np.flatnonzero(~above[:-1] & above[1:])
    if not len(changes):
        return None
    k = int(changes[np.argmin(np.abs(places[changes] + 0.5))])
    share = (level - profile[k]) / (profile[k + 1] - profile[k])
    return float(places[k] + share * (places[k + 1] - places[k]))
