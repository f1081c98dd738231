"""Changes a texture at random: three of the nine changes of GLASS (ECCV 2024), in random order."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image

PICKS: Final = 3
WEAKEST: Final = 0.8
STRONGEST: Final = 1.2
LARGEST_HUE_SHIFT: Final = 0.2
"""As a share of a full turn of the colour circle."""

LARGEST_TURN_DEG: Final = 45.0

HUES: Final = 180
"""Hues of a full turn in OpenCV's uint8 HSV."""


def augment_texture(image: Image, rng: np.random.Generator) -> Image:
    """image: (H, W, 3) uint8 RGB -> the same shape."""
    for index in rng.choice(len(CHANGES), PICKS, replace=False):
        image = np.ascontiguousarray(CHANGES[index](image, rng))
    return image


def _contrast(image: Image, rng: np.random.Generator) -> Image:
    middle = round(float(_gray(image).mean()))
    return _mix(image, np.float32(middle), rng.uniform(WEAKEST, STRONGEST))


def _brightness(image: Image, rng: np.random.Generator) -> Image:
    return _mix(image, np.float32(0), rng.uniform(WEAKEST, STRONGEST))


def _colour(image: Image, rng: np.random.Generator) -> Image:
    """Saturation, then hue."""
    gray = _gray(image)[:, :, None].astype(np.float32)
    image = _mix(image, gray, rng.uniform(WEAKEST, STRONGEST))
    shift = rng.uniform(-LARGEST_HUE_SHIFT, LARGEST_HUE_SHIFT)
    hsv = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
    hsv[:, :, 0] = (hsv[:, :, 0].astype(np.int16) + round(shift * HUES)) % HUES
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


def _mirror(image: Image, rng: np.random.Generator) -> Image:
    return image[:, ::-1]


def _flip(image: Image, rng: np.random.Generator) -> Image:
    return image[::-1]


def _grayscale(image: Image, rng: np.random.Generator) -> Image:
    return np.repeat(_gray(image)[:, :, None], 3, axis=2)


def _stretch(image: Image, rng: np.random.Generator) -> Image:
    """Stretches each channel to the whole range; a channel of one level does not change."""
    low = image.min(axis=(0, 1)).astype(np.float32)
    high = image.max(axis=(0, 1)).astype(np.float32)
    reach = high - low
    factor = np.where(reach > 0, 255 / np.maximum(reach, 1), 1)
    return _round((image.astype(np.float32) - np.where(reach > 0, low, 0)) * factor)


def _equalise(image: Image, rng: np.random.Generator) -> Image:
    return np.dstack([cv2.equalizeHist(np.ascontiguousarray(image[:, :, c])) for c in range(3)])


def _turn(image: Image, rng: np.random.Generator) -> Image:
    """Turns the texture about its middle; uncovered pixels are black."""
    height, width = image.shape[:2]
    turn = rng.uniform(-LARGEST_TURN_DEG, LARGEST_TURN_DEG)
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn, 1.0)
    return np.asarray(cv2.warpAffine(np.ascontiguousarray(image), matrix, (width, height)))


CHANGES: Final[tuple[Callable[[Image, np.random.Generator], Image], ...]] = (
    _contrast,
    _brightness,
    _colour,
    _mirror,
    _flip,
    _grayscale,
    _stretch,
    _equalise,
    _turn,
)


def _gray(image: Image) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), np.uint8)


def _mix(image: Image, other: npt.NDArray[np.float32] | np.float32, share: float) -> Image:
    """share * image + (1 - share) * other."""
    return _round(np.float32(share) * image + np.float32(1 - share) * other)


def _round(values: npt.NDArray[np.floating]) -> Image:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
