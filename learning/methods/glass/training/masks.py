"""Masks of synthetic defects, from thresholded noise: GLASS (ECCV 2024), section 3.4."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.resize import to_input
from engines.spec import ResizeRule
from inspector.core.arrays import Mask
from inspector.core.errors import DataError
from inspector.core.picture_files import pictures_in
from learning.datasets.pictures import read_picture
from learning.methods.glass.training.perlin import noise

EXPONENTS: Final = 6
"""Noise has 2**0 to 2**(EXPONENTS - 1) cells per axis."""

LARGEST_TURN_DEG: Final = 90.0
LEVEL: Final = 0.5

MOST_TRIES: Final = 1000
"""A pixel is inside a mask about once in 20 tries, so even one pixel of foreground is hit."""


@dataclass(frozen=True, slots=True)
class DefectMask:
    """pixels: (H, W). cells: (h, w), every cell of the grid that a pixel of the mask touches."""

    pixels: Mask
    cells: Mask


def defect_mask(foreground: Mask, grid_hw: tuple[int, int], rng: np.random.Generator) -> DefectMask:
    """A mask inside the foreground (H, W), never empty. Raises DataError for an empty foreground,
    and for one so small that MOST_TRIES masks miss it."""
    if not foreground.any():
        raise DataError("a foreground mask is empty: no defect can be drawn on that picture")
    hw = (foreground.shape[0], foreground.shape[1])
    for _ in range(MOST_TRIES):
        pixels = _combine_two_masks(hw, rng) & foreground
        if pixels.any():
            return DefectMask(pixels, touched_cells(pixels, grid_hw))
    raise DataError(
        f"a foreground mask of {int(foreground.sum())} pixels was missed by {MOST_TRIES} defect "
        "masks: it is too small"
    )


def touched_cells(pixels: Mask, grid_hw: tuple[int, int]) -> Mask:
    """(H, W) -> (h, w): maximum over each cell of a grid of any size. Where the grid does not
    divide the picture, cells share the pixels that their borders cut."""
    height, width = pixels.shape
    sums = np.zeros((height + 1, width + 1), np.int64)
    sums[1:, 1:] = pixels.cumsum(axis=0).cumsum(axis=1)
    starts, stops = zip(*(_bins(height, grid_hw[0]), _bins(width, grid_hw[1])), strict=True)
    (top, left), (bottom, right) = starts, stops
    inside = sums[bottom][:, right] - sums[top][:, right] - sums[bottom][:, left]
    return np.asarray(inside + sums[top][:, left] > 0)


def _bins(length: int, count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    index = np.arange(count)
    return index * length // count, -(-(index + 1) * length // count)


def _combine_two_masks(hw: tuple[int, int], rng: np.random.Generator) -> Mask:
    """Union or intersection of two masks, or only the first."""
    first, second = _threshold_noise(hw, rng), _threshold_noise(hw, rng)
    choice = rng.integers(3)
    if choice == 0:
        return first | second
    return first & second if choice == 1 else first


def _threshold_noise(hw: tuple[int, int], rng: np.random.Generator) -> Mask:
    rows, columns = 2 ** rng.integers(EXPONENTS, size=2)
    field = noise(hw, (int(rows), int(columns)), rng)
    turn = rng.uniform(-LARGEST_TURN_DEG, LARGEST_TURN_DEG)
    centre = ((hw[1] - 1) / 2, (hw[0] - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, turn, 1.0)
    turned = cv2.warpAffine(field, matrix, (hw[1], hw[0]), flags=cv2.INTER_LINEAR)
    return np.asarray(turned > LEVEL)


def read_foregrounds(folder: Path, names: Sequence[str], rule: ResizeRule) -> Mask:
    """(n, H, W) of rule.input_hw: the foreground mask of each picture, of the same file name or
    stem, cropped and resized as the picture is; every pixel that is not black is foreground.

    Raises DataError, with the name, for a mask that is missing, unreadable or empty.
    """
    if not folder.is_dir():
        raise DataError(f"folder of foreground masks {folder} does not exist")
    files = {path.stem: path for path in pictures_in(folder)}
    files |= {path.name: path for path in files.values()}
    masks = []
    for name in names:
        path = files.get(name) or files.get(Path(name).stem)
        image = None if path is None else read_picture(path)
        if path is None or image is None:
            raise DataError(f"{folder} has no readable foreground mask for picture {name}")
        masks.append(to_input(image, rule)[0].any(axis=2))
        if not masks[-1].any():
            raise DataError(f"foreground mask {path} is empty in what the engine sees of {name}")
    return np.stack(masks)
