"""Draws product on a conveyor, with its exact mask."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from engines.spec import ResizeRule
from learning.normals import Normals

HW = (128, 160)
Pixels = npt.NDArray[np.uint8]
Truth = npt.NDArray[np.bool_]


def belt(seed: int, light: float = 0.0) -> npt.NDArray[np.float64]:
    """(128, 160, 3): a dark belt with a slope of the light and noise."""
    random = np.random.default_rng(seed)
    slope = np.linspace(-6, 6, HW[1])[None, :, None]
    return 70 + slope + light + random.normal(0, 3, (*HW, 3))


def scene(
    seed: int,
    *,
    centre: tuple[int, int] | None = None,
    spot: tuple[int, int] | None = None,
    worn: tuple[int, int] | None = None,
    light: float = 0.0,
) -> tuple[Pixels, Truth]:
    """A picture, (128, 160, 3) uint8 RGB, and where its disc of 24 px radius is.

    centre: (x, y) of the disc; None draws a place by the seed. spot: (x, y) of a dark defect from
    the centre of the disc. worn: (x, y) of a part of the belt with a fine pattern.
    """
    random = np.random.default_rng(1000 + seed)
    drawn = (int(random.integers(45, 116)), int(random.integers(45, 84)))
    x, y = centre or drawn
    picture = belt(seed, light)
    truth = cv2.circle(np.zeros(HW, np.uint8), (x, y), 24, 1, -1) > 0
    picture[truth] += (110, 80, 40)
    if spot is not None:
        cv2.circle(picture, (x + spot[0], y + spot[1]), 4, (60, 62, 61), -1)
    if worn is not None:
        rows, columns = np.indices(HW)
        part = np.hypot(columns - worn[0], rows - worn[1]) < 15
        picture[part] += (12.0 * (-1.0) ** (rows + columns))[part][:, None]
    return picture.clip(0, 255).astype(np.uint8), truth


def normals(pictures: list[Pixels]) -> Normals:
    names = tuple(f"{index}.png" for index in range(len(pictures)))
    return Normals("discs", np.stack(pictures), names, HW, ResizeRule(HW), ordered=False)


def moving(count: int) -> Normals:
    """Discs at places that differ."""
    return normals([scene(seed)[0] for seed in range(count)])


def write(path: Path, pixels: Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels[..., ::-1])
    return path


def empty_scene(folder: Path, count: int = 3) -> Path:
    for seed in range(count):
        write(folder / f"{seed}.png", belt(500 + seed).clip(0, 255).astype(np.uint8))
    return folder
