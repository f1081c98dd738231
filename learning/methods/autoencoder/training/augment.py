"""Changes good pictures at random, so that the network learns what may vary."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image
from learning.methods.autoencoder.options import AutoencoderOptions

ELASTIC: float = 0.05
"""Largest shift of an elastic distortion of 1, as a share of the side."""

CELLS: int = 4
"""Cells per side of a grid or elastic distortion."""

Map = npt.NDArray[np.float32]


def augment(picture: Image, options: AutoencoderOptions, rng: np.random.Generator) -> Image:
    """picture: (H, W, 3) uint8 RGB -> the same shape."""
    picture = _flip(picture, options.flips, rng)
    if options.rotation_deg or options.elastic or options.distortion:
        picture = _warp(picture, options, rng)
    return _relight(picture, options, rng)


def _flip(picture: Image, flips: str, rng: np.random.Generator) -> Image:
    sideways, upright = rng.random(2) < 0.5
    if flips in ("horizontal", "both") and sideways:
        picture = picture[:, ::-1]
    if flips in ("vertical", "both") and upright:
        picture = picture[::-1]
    return picture


def _warp(picture: Image, options: AutoencoderOptions, rng: np.random.Generator) -> Image:
    """Rotation, lens, grid and elastic distortion in one resampling; the border is mirrored."""
    height, width = picture.shape[:2]
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    angle = math.radians(rng.uniform(-1, 1) * options.rotation_deg)
    aspect = width / height
    turned_x = x * math.cos(angle) - y * math.sin(angle) / aspect
    turned_y = x * math.sin(angle) * aspect + y * math.cos(angle)
    bulge = 1 + rng.uniform(-1, 1) * options.distortion * (turned_x**2 + turned_y**2) / 2
    grid_x, grid_y = (_waves((height, width), CELLS, rng) for _ in range(2))
    fine_x, fine_y = (_waves((height, width), 2 * CELLS, rng) for _ in range(2))
    grid, elastic = options.distortion / CELLS, ELASTIC * options.elastic
    at_x = turned_x * bulge + 2 * (grid * grid_x + elastic * fine_x)
    at_y = turned_y * bulge + 2 * (grid * grid_y + elastic * fine_y)
    return np.asarray(
        cv2.remap(
            np.ascontiguousarray(picture),
            ((at_x + 1) / 2 * (width - 1)).astype(np.float32),
            ((at_y + 1) / 2 * (height - 1)).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        ),
        np.uint8,
    )


def _waves(hw: tuple[int, int], cells: int, rng: np.random.Generator) -> Map:
    """Smooth random values in [-1, 1]."""
    coarse = rng.uniform(-1, 1, (cells + 1, cells + 1)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (hw[1], hw[0]), interpolation=cv2.INTER_CUBIC))


def _relight(picture: Image, options: AutoencoderOptions, rng: np.random.Generator) -> Image:
    brightness, contrast, noise = rng.uniform((-1, -1, 0), 1) * (
        255 * options.brightness,
        options.contrast,
        255 * options.noise,
    )
    if not (options.brightness or options.contrast or options.noise):
        return picture
    wide = picture.astype(np.float32)
    middle = float(wide.mean())
    wide = (wide - middle) * (1 + contrast) + middle + brightness
    wide += rng.normal(0, 1, wide.shape).astype(np.float32) * np.float32(noise)
    return np.clip(np.rint(wide), 0, 255).astype(np.uint8)
