"""Draws surfaces of products as float pictures: (H, W, 3) BGR in grey levels."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.float32]
Field = npt.NDArray[np.float64]

FRAME_HW: Final = (720, 1280)


def _cloud(rng: np.random.Generator, across: float, down: float | None = None) -> Picture:
    """Smooth noise with mean 0 and deviation 1. across, down: its smoothness in px."""
    noise = rng.standard_normal(FRAME_HW).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), across, sigmaY=down or across)
    return np.asarray((noise - noise.mean()) / noise.std(), np.float32)


def _grid() -> tuple[Picture, Picture]:
    rows, columns = np.mgrid[: FRAME_HW[0], : FRAME_HW[1]].astype(np.float32)
    return rows, columns


def _paint(rng: np.random.Generator) -> Picture:
    grey = 140 + 5 * _cloud(rng, 40) + 1.5 * _cloud(rng, 1.5)
    return _colour(grey, (0.8, 1.0, 0.85))


def _metal(rng: np.random.Generator) -> Picture:
    grey = 150 + 7 * _cloud(rng, 24, 0.8) + 3 * _cloud(rng, 60)
    return _colour(grey, (1.0, 1.0, 0.97))


def _wood(rng: np.random.Generator) -> Picture:
    grey = 130 + 10 * _cloud(rng, 60, 2.2) + 5 * _cloud(rng, 20, 0.9)
    return _colour(grey, (0.6, 0.8, 1.0))


def _leather(rng: np.random.Generator) -> Picture:
    grey = 105 + 8 * np.abs(_cloud(rng, 3.5)) - 6 * np.abs(_cloud(rng, 7)) + 2 * _cloud(rng, 1)
    return _colour(grey, (0.7, 0.85, 1.1))


def _concrete(rng: np.random.Generator) -> Picture:
    grey = 135 + 9 * _cloud(rng, 1.6) + 6 * _cloud(rng, 9)
    return _colour(grey, (0.95, 1.0, 1.0))


def _weave(rng: np.random.Generator) -> Picture:
    rows, columns = _grid()
    pitch_y, pitch_x = rng.uniform(10, 16, 2)
    down, right = (
        rows / pitch_y + 0.12 * _cloud(rng, 30),
        columns / pitch_x + 0.12 * _cloud(rng, 30),
    )
    on_top = (np.floor(down) + np.floor(right)) % 2 == 0
    ridge = np.where(on_top, np.abs(np.sin(np.pi * right)), np.abs(np.sin(np.pi * down)))
    grey = 95 + 55 * np.sqrt(ridge) + 4 * _cloud(rng, 1.2)
    grey = cv2.GaussianBlur(np.asarray(grey, np.float32), (0, 0), 0.9)
    return _colour(grey, (0.9, 0.8, 0.75))


def _gravel(rng: np.random.Generator) -> Picture:
    height, width = FRAME_HW
    seeds = np.full(FRAME_HW, 255, np.uint8)
    seeds[rng.integers(0, height, 9000), rng.integers(0, width, 9000)] = 0
    away, stones = cv2.distanceTransformWithLabels(
        seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    grey = rng.normal(125, 22, int(stones.max()) + 1)[stones] - 3 * away + 4 * _cloud(rng, 1)
    return _colour(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 0.9), (0.85, 0.95, 1.0))


def _grass(rng: np.random.Generator) -> Picture:
    height, width = FRAME_HW
    picture = np.full((height, width, 3), (35, 65, 50), np.uint8)
    for x, y, lean, tall, light in rng.uniform(
        (0, 0, -0.5, 14, 0.6), (width, height, 0.5, 38, 1.5), (16000, 5)
    ):
        tip = int(x + tall * np.sin(lean)), int(y - tall * np.cos(lean))
        shade = (42 * light, 105 * light, 72 * light)
        cv2.line(picture, (int(x), int(y)), tip, shade, int(rng.integers(1, 3)), cv2.LINE_AA)
    return cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 0.8)


def _colour(grey: npt.NDArray[np.floating], tint: tuple[float, float, float]) -> Picture:
    return np.asarray(grey[..., None] * np.array(tint), np.float32)


TEXTURES: Final[dict[str, Callable[[np.random.Generator], Picture]]] = {
    "paint": _paint,
    "metal": _metal,
    "wood": _wood,
    "leather": _leather,
    "concrete": _concrete,
    "weave": _weave,
    "gravel": _gravel,
    "grass": _grass,
}


@lru_cache(maxsize=32)
def draw_texture(name: str, seed: int) -> Picture:
    """A surface under light that is brighter at a side. The result is shared: do not change it."""
    rng = np.random.default_rng((seed, list(TEXTURES).index(name)))
    rows, columns = _grid()
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.cos(angle) * (columns / FRAME_HW[1] - 0.5) + np.sin(angle) * (
        rows / FRAME_HW[0] - 0.5
    )
    return np.asarray(TEXTURES[name](rng) * (1 + 0.2 * slope)[..., None], np.float32)
