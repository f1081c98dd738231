"""Finds pictures that show nothing, and copies of others.

A copy says nothing new about the product. If one copy is fitted and the other is scored, its score
is near 0, and the thresholds become far too low.
"""

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image, Mask

EMPTY_RANGE: Final = 1
"""A picture whose grey levels differ by at most this much shows nothing."""

EMPTY_SHARE: Final = 0.05
"""A picture shows nothing if its contrast is below this share of the upper quartile."""

DARK: Final = 16
BRIGHT: Final = 245
EXTREME_RANGE: Final = 4
"""A picture that is darker or brighter on average shows nothing if its grey levels, smoothed by
EXTREME_SIGMA, differ by at most this much."""
EXTREME_SIGMA: Final = 3.0

NOISE: Final = 1.4
"""Root mean square difference, in grey levels, up to which two pictures are the same one, encoded
again. JPEG files of quality 90 and still frames of H.264 videos lie below it."""

EVEN_NOISE: Final = 1.5
LOSSY_NOISE: Final = 1.8
LARGEST_NOISE: Final = 3.0
"""The same for the worst BLOCK of the smoothed pictures: between any pictures, if a file lost
detail by its encoding, and between pictures that are CLOSE. JPEG files of quality 50 reach 1.5,
those of quality 30 reach 2.1. Pictures of different products of three data sets begin at 6.1,
because they differ somewhere."""

CLOSE: Final = 0.5
"""Pictures up to LARGEST_NOISE are copies if they are this much closer to each other than to their
other neighbours."""

BLOCK: Final = 16
"""Side of a block, px of the engine's input."""

DETAIL: Final = 10.0
"""Contrast of a block that shows an edge or a texture. Without such blocks even pictures of
different products differ by noise only, such as those of a plain web."""

DETAILED: Final = 0.05
"""Share of the blocks that must show detail before pictures are compared by their noise."""

STEP: Final = 4
"""The first comparison takes every fourth pixel."""

Distances = npt.NDArray[np.float32]
Greys = npt.NDArray[np.float32]


def mark_empty(pixels: Image) -> Mask:
    """(n,) bool of pictures (n, H, W, 3) uint8: those that show one brightness or colour only."""
    spreads = np.array([cv2.meanStdDev(picture)[1] for picture in pixels])
    contrasts = np.sqrt(np.square(spreads).mean(axis=(1, 2)))
    empty = contrasts < EMPTY_SHARE * np.quantile(contrasts, 0.75)
    for index, picture in enumerate(pixels):
        empty[index] |= _is_flat(picture, float(contrasts[index]))
    return np.asarray(empty)


def _is_flat(picture: Image, contrast: float) -> bool:
    if contrast <= EMPTY_RANGE and np.ptp(picture, axis=(0, 1)).max() <= EMPTY_RANGE:
        return True
    if DARK <= picture.mean() <= BRIGHT:
        return False
    smooth = cv2.GaussianBlur(picture, (0, 0), EXTREME_SIGMA)
    return bool(np.ptp(smooth, axis=(0, 1)).max() <= EXTREME_RANGE)


def find_exact(pixels: Image) -> dict[int, int]:
    """Index of each picture that equals an earlier one -> index of the first such picture."""
    first: dict[bytes, int] = {}
    copies = {}
    for index, picture in enumerate(pixels):
        original = first.setdefault(picture.tobytes(), index)
        if original != index:
            copies[index] = original
    return copies


def find_similar(pixels: Image, lossy: Mask) -> dict[int, int]:
    """Index of each picture that differs from an earlier one by noise only -> that one's index.

    pixels: (n, H, W, 3) uint8 that are not equal. lossy: (n,) bool, pictures of files that lost
    detail by their encoding. Such pictures are files that were encoded again, or frames of a scene
    that stands still. Pictures without detail are never similar.
    """
    # The grey pictures of all would need more memory than the pictures, so they are not stored.
    greys = (
        (_is_detailed(grey), grey[::STEP, ::STEP].copy()) for grey in map(_smooth_grey, pixels)
    )
    detailed, small = map(np.array, zip(*greys, strict=True))
    distances = compare(pixels[:, ::STEP, ::STEP])
    usual = _usual_distances(distances)
    close = distances <= CLOSE * np.minimum(usual[:, None], usual[None, :])
    encoded = lossy[:, None] | lossy[None, :]
    encoded &= compare(small) <= 1.2 * LOSSY_NOISE
    # Every fourth pixel gives the difference of all pixels within a few per cent.
    near = np.tril(close | encoded | (distances <= 1.2 * NOISE), -1)
    near[~detailed] = False
    copies: dict[int, int] = {}
    for index in map(int, np.flatnonzero(near.any(axis=1))):
        grey = _smooth_grey(pixels[index])
        for original in map(int, np.flatnonzero(near[index])):
            if original in copies:
                continue
            worst = _worst_block(grey - _smooth_grey(pixels[original]))
            if (
                (close[index, original] and worst <= LARGEST_NOISE)
                or (encoded[index, original] and worst <= LOSSY_NOISE)
                or (worst <= EVEN_NOISE and _noise(pixels[index], pixels[original]) <= NOISE)
            ):
                copies[index] = original
                break
    return copies


def compare(pixels: npt.NDArray[Any]) -> Distances:
    """(n, n) root mean square differences of all pixels, in grey levels."""
    rows = pixels.reshape(len(pixels), -1).astype(np.float32)
    rows -= rows.mean(axis=0)
    products = rows @ rows.T
    squares = np.diag(products)
    sums = squares[:, None] + squares[None, :] - 2 * products
    return np.asarray(np.sqrt(np.maximum(sums, 0) / rows.shape[1]), np.float32)


def differ_by_noise_only(pixels: Image) -> bool:
    """Whether all pictures show the same scene with detail, apart from noise and brightness."""
    first = _smooth_grey(pixels[0])
    if not _is_detailed(first):
        return False
    return all(
        _worst_block(_as_bright(_smooth_grey(other), first) - first) <= LARGEST_NOISE
        for other in pixels[1:]
    )


def _as_bright(grey: Greys, first: Greys) -> Greys:
    """With the mean and the contrast of the first picture."""
    gain = first.std() / max(float(grey.std()), 1e-6)
    return np.asarray((grey - grey.mean()) * gain + first.mean(), np.float32)


def _usual_distances(distances: Distances) -> Distances:
    """(n,) distance from each picture to a neighbour that is no copy, unless a quarter are."""
    if len(distances) < 4:
        return np.zeros(len(distances), np.float32)
    # The first of each row is the distance to the picture itself.
    return np.asarray(np.quantile(np.sort(distances, axis=1)[:, 1:], 0.25, axis=1), np.float32)


def _noise(first: Image, second: Image) -> float:
    return float(np.sqrt(np.mean(np.square(first.astype(np.float32) - second))))


def _worst_block(difference: Greys) -> float:
    """Largest root mean square of a block."""
    return float(np.sqrt(np.mean(np.square(_blocks(difference)), axis=1)).max())


def _is_detailed(grey: Greys) -> bool:
    contrasts = _blocks(grey).std(axis=1)
    return bool(np.mean(contrasts >= DETAIL) >= DETAILED)


def _smooth_grey(picture: Image) -> Greys:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.0), np.float32)


def _blocks(grey: Greys) -> Greys:
    """(blocks, pixels); the last rows and columns are left out if they fill no block."""
    side = min(BLOCK, *grey.shape)
    rows, columns = grey.shape[0] // side, grey.shape[1] // side
    cut = grey[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return cut.swapaxes(1, 2).reshape(rows * columns, side * side)
