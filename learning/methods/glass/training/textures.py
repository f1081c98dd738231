"""Textures of synthetic defects: pictures of a folder or the built-in bank, changed at random."""

from pathlib import Path
from typing import Final, Protocol

import cv2
import numpy as np
from loguru import logger

from inspector.core.arrays import Image
from inspector.core.errors import DataError
from inspector.core.picture_files import PICTURE_SUFFIXES, pictures_below
from learning.datasets.pictures import read_picture
from learning.methods.glass.training import procedural
from learning.methods.glass.training.augment import augment_texture

BANK: Final = 256
"""Textures in the built-in bank: 32 of each kind."""


class Textures(Protocol):
    """Numbered pictures. name: for the engine's spec."""

    @property
    def name(self) -> str: ...

    def __len__(self) -> int: ...

    def picture(self, index: int, hw: tuple[int, int]) -> Image:
        """(h, w, 3) uint8 RGB, at least as high and wide as hw."""


def draw(textures: Textures, hw: tuple[int, int], rng: np.random.Generator) -> Image:
    """(H, W, 3) uint8 RGB: the middle of one of the textures, after three changes."""
    changed = augment_texture(textures.picture(int(rng.integers(len(textures))), hw), rng)
    top, left = (changed.shape[0] - hw[0]) // 2, (changed.shape[1] - hw[1]) // 2
    return changed[top : top + hw[0], left : left + hw[1]]


class FolderTextures:
    """All pictures below a folder, such as the Describable Textures Dataset. Raises DataError for a
    folder that is missing or holds no picture. A picture that cannot be read is skipped."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise DataError(f"texture folder {folder} does not exist")
        self._paths = sorted(pictures_below(folder))
        if not self._paths:
            suffixes = ", ".join(PICTURE_SUFFIXES)
            raise DataError(f"texture folder {folder} holds no pictures ({suffixes})")
        self._folder = folder
        self._unreadable: set[int] = set()

    @property
    def name(self) -> str:
        return f"{self._folder.name} ({len(self)} pictures)"

    def __len__(self) -> int:
        return len(self._paths)

    def picture(self, index: int, hw: tuple[int, int]) -> Image:
        """The picture, or the next one that can be read. Raises DataError if none can."""
        for turn in range(len(self)):
            at = (index + turn) % len(self)
            image = None if at in self._unreadable else read_picture(self._paths[at])
            if image is not None:
                return _covering(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8), hw)
            if at not in self._unreadable:
                logger.warning("texture {} is not a readable picture: skipped", self._paths[at])
                self._unreadable.add(at)
        raise DataError(f"none of the {len(self)} pictures below {self._folder} can be read")


class BuiltInTextures:
    """BANK generated textures, the same for the same seed; each is made when it is first
    used, and kept."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._made: dict[tuple[int, tuple[int, int]], Image] = {}

    @property
    def name(self) -> str:
        return f"built-in ({BANK} textures, seed {self._seed})"

    def __len__(self) -> int:
        return BANK

    def picture(self, index: int, hw: tuple[int, int]) -> Image:
        if (index, hw) not in self._made:
            rng = np.random.default_rng([self._seed, index])
            self._made[index, hw] = procedural.texture(index, hw, rng)
        return self._made[index, hw]


def _covering(image: Image, hw: tuple[int, int]) -> Image:
    """Resized, keeping its aspect, to the smallest size that covers hw."""
    factor = max(hw[0] / image.shape[0], hw[1] / image.shape[1])
    height = max(hw[0], round(image.shape[0] * factor))
    width = max(hw[1], round(image.shape[1] * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), np.uint8)
