"""Finds pictures that show nothing, and copies of others.

A copy says nothing new about the product. If one copy is fitted and the other is scored, its score
is near 0, and the thresholds become far too low.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image, Mask

EMPTY_RANGE: Final = 1
"""A picture whose grey levels differ by at most this much shows nothing."""

EMPTY_SHARE: Final = 0.05
"""A picture shows nothing if its contrast is below this share of the upper quartile."""

NOISE: Final = 1.4
"""Root mean square difference, in grey levels, up to which two pictures are the same one, encoded
again. JPEG files of quality 90 and still frames of H.264 videos lie below it."""

EVEN_NOISE: Final = 1.5
LARGEST_NOISE: Final = 3.0
"""The same for the worst BLOCK of the smoothed pictures. JPEG files of quality 30 reach 2.1.
Pictures of different products of three data sets begin at 6.1, because they differ somewhere."""

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


def mark_empty(pixels: Image) -> Mask:
    """(n,) bool of pictures (n, H, W, 3) uint8: those that show one brightness or colour only."""
    spreads = np.array([cv2.meanStdDev(picture)[1] for picture in pixels])
    contrasts = np.sqrt(np.square(spreads).mean(axis=(1, 2)))
    empty = contrasts < EMPTY_SHARE * np.quantile(contrasts, 0.75)
    for index in np.flatnonzero(contrasts <= EMPTY_RANGE):
        empty[index] |= np.ptp(pixels[index], axis=(0, 1)).max() <= EMPTY_RANGE
    return np.asarray(empty)


def find_exact(pixels: Image) -> dict[int, int]:
    """Index of each picture that equals an earlier one -> index of the first such picture."""
    first: dict[bytes, int] = {}
    copies = {}
    for index, picture in enumerate(pixels):
        original = first.setdefault(picture.tobytes(), index)
        if original != index:
            copies[index] = original
    return copies


def find_similar(pixels: Image) -> dict[int, int]:
    """Index of each picture that differs from an earlier one by noise only -> that one's index.

    pixels: (n, H, W, 3) uint8 that are not equal. Such pictures are files that were encoded again,
    or frames of a scene that stands still. Pictures without detail are never similar.
    """
    distances = compare(pixels[:, ::STEP, ::STEP])
    usual = _usual_distances(distances)
    close = distances <= CLOSE * np.minimum(usual[:, None], usual[None, :])
    # Every fourth pixel gives the difference of all pixels within a few per cent.
    near = np.tril(close | (distances <= 1.2 * NOISE), -1)
    near[[not _is_detailed(picture) for picture in pixels]] = False
    copies: dict[int, int] = {}
    for index in np.flatnonzero(near.any(axis=1)):
        for original in np.flatnonzero(near[index]):
            if original not in copies and _same(
                pixels[index], pixels[original], close=bool(close[index, original])
            ):
                copies[int(index)] = int(original)
                break
    return copies


def compare(pixels: Image) -> Distances:
    """(n, n) root mean square differences of all pixels, in grey levels."""
    rows = pixels.reshape(len(pixels), -1).astype(np.float32)
    rows -= rows.mean(axis=0)
    products = rows @ rows.T
    squares = np.diag(products)
    sums = squares[:, None] + squares[None, :] - 2 * products
    return np.asarray(np.sqrt(np.maximum(sums, 0) / rows.shape[1]), np.float32)


def differ_by_noise_only(pixels: Image) -> bool:
    """Whether all pictures show the same scene with detail, apart from noise."""
    first = pixels[0]
    return _is_detailed(first) and all(
        _worst_block(first, other) <= LARGEST_NOISE for other in pixels[1:]
    )


def _usual_distances(distances: Distances) -> Distances:
    """(n,) distance from each picture to a neighbour that is no copy, unless a quarter are."""
    if len(distances) < 4:
        return np.zeros(len(distances), np.float32)
    # The first of each row is the distance to the picture itself.
    return np.asarray(np.quantile(np.sort(distances, axis=1)[:, 1:], 0.25, axis=1), np.float32)


def _same(first: Image, second: Image, *, close: bool) -> bool:
    difference = first.astype(np.float32) - second
    noise = float(np.sqrt(np.mean(np.square(difference))))
    worst = _worst_block(first, second)
    return (noise <= NOISE and worst <= EVEN_NOISE) or (close and worst <= LARGEST_NOISE)


def _worst_block(first: Image, second: Image) -> float:
    """Largest root mean square difference of a block of both pictures, smoothed."""
    difference = _smooth_grey(first) - _smooth_grey(second)
    return float(np.sqrt(np.mean(np.square(_blocks(difference)), axis=1)).max())


def _is_detailed(picture: Image) -> bool:
    contrasts = _blocks(_smooth_grey(picture)).std(axis=1)
    return bool(np.mean(contrasts >= DETAIL) >= DETAILED)


def _smooth_grey(picture: Image) -> npt.NDArray[np.float32]:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.0), np.float32)


def _blocks(grey: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(blocks, pixels); the last rows and columns are left out if they fill no block."""
    side = min(BLOCK, *grey.shape)
    rows, columns = grey.shape[0] // side, grey.shape[1] // side
    cut = grey[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return cut.swapaxes(1, 2).reshape(rows * columns, side * side)
