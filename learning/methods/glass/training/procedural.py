"""Generates textures for a training without a folder of textures."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image
from learning.methods.glass.training.perlin import Field, noise

FINEST: Final = 0.06
"""Largest standard deviation of the grain laid over every texture, as a share of the range."""


def texture(kind: int, hw: tuple[int, int], rng: np.random.Generator) -> Image:
    """(H, W, 3) uint8 RGB. kind: which pattern, taken modulo their number."""
    pattern = PATTERNS[kind % len(PATTERNS)](hw, rng)
    low, high = float(pattern.min()), float(pattern.max())
    levels = (pattern - low) / max(high - low, 1e-6)
    coloured = _paint(levels.astype(np.float32), rng)
    grain = rng.normal(0, rng.uniform(0, FINEST), (*hw, 1))
    return np.clip(np.rint(255 * (coloured + grain)), 0, 255).astype(np.uint8)


def _paint(levels: Field, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """(H, W) in [0, 1] -> (H, W, 3) in [0, 1] by a palette of two to five colours, which blend
    into each other or form flat steps."""
    count = int(rng.integers(2, 6))
    palette = rng.uniform(0, 1, (count, 3))
    if rng.random() < 0.25:
        palette = np.repeat(palette[:, :1], 3, axis=1)
    if rng.random() < 0.3:
        return palette[np.minimum((levels * count).astype(np.intp), count - 1)]
    stops = np.linspace(0, 1, count)
    return np.dstack([np.interp(levels, stops, palette[:, channel]) for channel in range(3)])


def _octaves(hw: tuple[int, int], rng: np.random.Generator) -> Field:
    """Noise at several scales, the finer the weaker."""
    first, decay = int(rng.integers(0, 4)), rng.uniform(0.4, 0.9)
    total = np.zeros(hw, np.float32)
    for octave in range(first, 7):
        total += np.float32(decay ** (octave - first)) * noise(hw, (2**octave, 2**octave), rng)
    return total


def _stripes(hw: tuple[int, int], rng: np.random.Generator) -> Field:
    """Waves of one direction, bent by noise."""
    across = _axis(hw, rng.uniform(0, np.pi)) + rng.uniform(0, 0.1) * noise(hw, (4, 4), rng)
    waves = np.sin(2 * np.pi * rng.uniform(3, 40) * across)
    return np.sign(waves) if rng.random() < 0.3 else waves


def _checks(hw: tuple[int, int], rng: np.random.Generator) -> Field:
    turn, count = rng.uniform(0, np.pi), rng.uniform(3, 30)
    tall, wide = _axis(hw, turn), _axis(hw, turn + np.pi / 2)
    squares = np.floor(tall * count) + np.floor(wide * count * rng.uniform(0.5, 2))
    return squares % rng.integers(2, 4)


def _blobs(hw: tuple[int, int], rng: np.random.Generator) -> Field:
    """Discs of random size, the later over the earlier."""
    canvas = np.zeros(hw, np.float32)
    largest = max(3, int(min(hw) * rng.uniform(0.02, 0.15)))
    for _ in range(int(rng.integers(30, 300))):
        centre = (int(rng.integers(hw[1])), int(rng.integers(hw[0])))
        axes = (int(rng.integers(1, largest)), int(rng.integers(1, largest)))
        turn, level = rng.uniform(0, 180), float(rng.random())
        cv2.ellipse(canvas, centre, axes, turn, 0, 360, level, -1)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.3, 2)), np.float32)


def _cells(hw: tuple[int, int], rng: np.random.Generator) -> Field:
    """Distance to the nearest of random points, or one level per nearest point."""
    count = int(rng.integers(20, 200))
    seeds = np.full(hw, 255, np.uint8)
    seeds[rng.integers(hw[0], size=count), rng.integers(hw[1], size=count)] = 0
    distance, labels = cv2.distanceTransformWithLabels(
        seeds, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    if rng.random() < 0.5:
        return np.asarray(distance, np.float32)
    return rng.random(int(labels.max()) + 1).astype(np.float32)[labels]


def _gradient(hw: tuple[int, int], rng: np.random.Generator) -> Field:
    """Towards one side or from one point."""
    if rng.random() < 0.5:
        return _axis(hw, rng.uniform(0, 2 * np.pi)) + 0.1 * noise(hw, (8, 8), rng)
    rows, columns = np.mgrid[0 : hw[0], 0 : hw[1]]
    return np.hypot(rows - rng.uniform(0, hw[0]), columns - rng.uniform(0, hw[1]))


def _weave(hw: tuple[int, int], rng: np.random.Generator) -> Field:
    """Threads over and under each other."""
    count, turn = rng.uniform(8, 40), rng.uniform(0, np.pi)
    tall, wide = _axis(hw, turn) * count, _axis(hw, turn + np.pi / 2) * count
    over = (np.floor(tall) + np.floor(wide)) % 2 == 0
    return np.where(over, np.abs(np.sin(np.pi * tall)), 1 - np.abs(np.sin(np.pi * wide)))


def _strokes(hw: tuple[int, int], rng: np.random.Generator) -> Field:
    """Fibres and scratches on a cloudy ground."""
    canvas = np.asarray(0.5 * noise(hw, (4, 4), rng), np.float32)
    spread, turn = rng.uniform(0.05, np.pi), rng.uniform(0, np.pi)
    for _ in range(int(rng.integers(60, 400))):
        length, angle = rng.uniform(0.05, 0.4) * min(hw), turn + rng.uniform(-spread, spread)
        x, y = rng.uniform(0, hw[1]), rng.uniform(0, hw[0])
        end = (round(x + length * np.cos(angle)), round(y + length * np.sin(angle)))
        cv2.line(canvas, (round(x), round(y)), end, float(rng.uniform(-1, 1)), 1, cv2.LINE_AA)
    return canvas


PATTERNS: Final[tuple[Callable[[tuple[int, int], np.random.Generator], Field], ...]] = (
    _octaves,
    _stripes,
    _checks,
    _blobs,
    _cells,
    _gradient,
    _weave,
    _strokes,
)


def _axis(hw: tuple[int, int], turn: float) -> Field:
    """Position along a direction, about 0 to 1 over the shorter side."""
    rows, columns = np.mgrid[0 : hw[0], 0 : hw[1]].astype(np.float32)
    along: Field = (rows * np.float32(np.sin(turn)) + columns * np.float32(np.cos(turn))) / min(hw)
    return along
