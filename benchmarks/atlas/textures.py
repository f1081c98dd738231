"""Draws procedural textures from a random generator: (h, w, 3) BGR, float32, mean near 130."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]
Rng = np.random.Generator

_TINT = 0.08


def draw_texture(name: str, rng: Rng, hw: tuple[int, int]) -> Float:
    """A frame of the named texture. Its relative contrast is 2 to 13 % (standard deviation)."""
    grey = TEXTURES[name](rng, hw)
    tint = 1 + rng.uniform(-_TINT, _TINT, 3)
    return np.asarray(130 * (1 + grey)[..., None] * tint, np.float32)


def _noise(rng: Rng, hw: tuple[int, int], along_x: float, along_y: float) -> Float:
    """Smooth noise with standard deviation 1. Wide noise is drawn coarsely and enlarged."""
    factor_x, factor_y = max(1, int(along_x / 2)), max(1, int(along_y / 2))
    small = (hw[0] // factor_y + 8, hw[1] // factor_x + 8)
    values = rng.standard_normal(small, dtype=np.float32)
    values = cv2.GaussianBlur(
        values, (0, 0), max(along_x / factor_x, 0.1), sigmaY=max(along_y / factor_y, 0.1)
    )
    if values.shape != hw:
        size = (small[1] * factor_x, small[0] * factor_y)
        values = cv2.resize(values, size, interpolation=cv2.INTER_CUBIC)[: hw[0], : hw[1]]
    return np.asarray((values - values.mean()) / values.std(), np.float32)


def _painted(rng: Rng, hw: tuple[int, int]) -> Float:
    slope = np.linspace(-1, 1, hw[1], dtype=np.float32) * np.float32(rng.uniform(-0.04, 0.04))
    peel = 0.012 * _noise(rng, hw, 2.5, 2.5) + 0.01 * _noise(rng, hw, 60, 60)
    return np.asarray(peel + slope, np.float32)


def _brushed(rng: Rng, hw: tuple[int, int]) -> Float:
    streaks = 0.03 * _noise(rng, hw, 60, 0.7) + 0.015 * _noise(rng, hw, 15, 0.5)
    return np.asarray(streaks + 0.01 * _noise(rng, hw, 120, 80), np.float32)


def _weave(rng: Rng, hw: tuple[int, int]) -> Float:
    period, phase = rng.uniform(7, 11), rng.uniform(0, 6.28, 2)
    y, x = np.mgrid[: hw[0], : hw[1]].astype(np.float32)
    u = 2 * np.pi * (x + 0.8 * _noise(rng, hw, 15, 15)) / period + phase[0]
    v = 2 * np.pi * (y + 0.8 * _noise(rng, hw, 15, 15)) / period + phase[1]
    threads = 0.07 * np.sin(u) * np.sin(v) + 0.03 * np.cos(u + v)
    return np.asarray(threads + 0.02 * _noise(rng, hw, 1, 1), np.float32)


def _wood(rng: Rng, hw: tuple[int, int]) -> Float:
    y = np.mgrid[: hw[0], : hw[1]][0].astype(np.float32)
    rings = y / rng.uniform(9, 16) + 2.5 * _noise(rng, hw, 250, 60)
    grain = 0.05 * np.sin(rings) + 0.02 * np.sin(2.7 * rings + 1)
    return np.asarray(grain + 0.025 * _noise(rng, hw, 30, 0.8), np.float32)


def _concrete(rng: Rng, hw: tuple[int, int]) -> Float:
    body = 0.03 * _noise(rng, hw, 1, 1) + 0.03 * _noise(rng, hw, 4, 4)
    pores = cv2.GaussianBlur((_noise(rng, hw, 1.6, 1.6) > 2.6).astype(np.float32), (0, 0), 0.7)
    return np.asarray(body + 0.025 * _noise(rng, hw, 25, 25) - 0.15 * pores, np.float32)


def _grass(rng: Rng, hw: tuple[int, int]) -> Float:
    """Short blades in four directions, the lighter blade on top."""
    layers = [_noise(rng, hw, 0.9, 7), _noise(rng, hw, 6, 1)]
    side = int(1.5 * max(hw))
    for angle in (35.0, -40.0):
        wide = _noise(rng, (side, side), 0.9, 7)
        turn = cv2.getRotationMatrix2D((side / 2, side / 2), angle, 1.0)
        turned = cv2.warpAffine(wide, turn, (side, side), flags=cv2.INTER_CUBIC)
        top, left = (side - hw[0]) // 2, (side - hw[1]) // 2
        layers.append(turned[top : top + hw[0], left : left + hw[1]])
    highest = np.max(layers, axis=0)
    return np.asarray(0.12 * (highest - highest.mean()) / highest.std(), np.float32)


def _leather(rng: Rng, hw: tuple[int, int]) -> Float:
    """Cells with dark creases: the distance from zero of smooth noise."""
    first, second = _noise(rng, hw, 4, 4), _noise(rng, hw, 7, 7)
    creases = np.minimum(np.abs(first), np.abs(second))
    height = np.minimum(creases, 0.5)
    return np.asarray(0.2 * (height - height.mean()) + 0.015 * _noise(rng, hw, 1, 1), np.float32)


def _cardboard(rng: Rng, hw: tuple[int, int]) -> Float:
    fibres = 0.02 * _noise(rng, hw, 5, 0.8) + 0.02 * _noise(rng, hw, 0.8, 5)
    return np.asarray(fibres + 0.015 * _noise(rng, hw, 20, 20), np.float32)


TEXTURES: dict[str, Callable[[Rng, tuple[int, int]], Any]] = {
    "painted": _painted,
    "brushed": _brushed,
    "weave": _weave,
    "wood": _wood,
    "concrete": _concrete,
    "grass": _grass,
    "leather": _leather,
    "cardboard": _cardboard,
}
