"""Measures the width of a line from its profile: a box that is blurred by optics and pixels."""

import math
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

BLUR_U_PX: Final = 0.2
"""Usual blur of sharp edges, with its standard uncertainty: optics, pixels and interpolation."""

BLUR_PX: Final = 0.75
_WIDTHS: Final = 28
_BLURS: Final = (0.5, 0.65, 0.8, 1.0, 1.3, 1.8)

Floats = npt.NDArray[np.float64]


def fit_width(profile: Floats, offsets: Floats, noise: float) -> tuple[float, float]:
    """Width of a blurred box, with standard uncertainty.

    profile: (m,) contrast across the line. noise: standard uncertainty of each value. Width and
    blur are estimated together: every pair is weighted by how well it explains the profile and by
    the usual blur of edges. So the uncertainty grows where a line is thinner than the blur.
    """
    step = float(offsets[1] - offsets[0])
    widths = np.geomspace(0.5, 1.2 * float(offsets[-1]), _WIDTHS)
    for _ in range(2):
        models = _model_profiles(widths, offsets)
        chi = _compare(models, profile, noise, step)
        chi += np.square((np.array(_BLURS) - BLUR_PX) / BLUR_U_PX)
        weight = np.exp(-0.5 * (chi - chi.min())).sum(axis=1)
        weight /= weight.sum()
        mean = float(weight @ widths)
        spread = math.sqrt(float(weight @ np.square(widths - mean)))
        gap = 0.12 * mean
        low, high = mean - 3 * spread - gap, mean + 3 * spread + gap
        widths = np.linspace(max(0.2, low), high, _WIDTHS)
    return mean, spread


def _model_profiles(widths: Floats, offsets: Floats) -> Floats:
    """(widths, blurs, m): boxes of height 1, blurred with Gaussians."""
    blurs = np.array(_BLURS)[:, None]
    right = (offsets + widths[:, None, None] / 2) / blurs
    left = (offsets - widths[:, None, None] / 2) / blurs
    return _normal(right) - _normal(left)


def _compare(models: Floats, profile: Floats, noise: float, step: float) -> Floats:
    """Chi squared of the best height and offset of every model. Neighbouring samples closer than a
    pixel are not independent."""
    centred = models - models.mean(axis=2, keepdims=True)
    centred_profile = profile - profile.mean()
    power = np.einsum("wbm,wbm->wb", centred, centred)
    match = centred @ centred_profile
    height = np.maximum(match, 0) / np.maximum(power, 1e-9)
    rest = centred_profile @ centred_profile - 2 * height * match + height**2 * power
    return np.asarray(rest / noise**2 * min(step, 1.0))


@cache
def _normal_table() -> tuple[Floats, Floats]:
    at = np.linspace(-5, 5, 501)
    return at, np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in at])


def _normal(values: Floats) -> Floats:
    """Cumulative distribution of the standard normal distribution."""
    table = _normal_table()
    return np.interp(values, table[0], table[1])
