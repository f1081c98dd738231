"""Pictures of a plane that moves, for tests of the motion that is measured from pictures."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image, freeze
from inspector.core.types import Frame

HW = (240, 320)


def paper(seed: int = 1, size: int = 3000, grain: float = 1.2) -> npt.NDArray[np.float32]:
    """A surface of (size, HW[1] + 200) grey values without repetition."""
    noise = np.random.default_rng(seed).standard_normal((size, HW[1] + 200), np.float32)
    return np.asarray(150 + 25 * cv2.GaussianBlur(noise, (0, 0), grain) * grain, np.float32)


def weave(seed: int = 1, size: int = 3000) -> npt.NDArray[np.float32]:
    """A surface whose threads repeat, with small irregularities."""
    y, x = np.indices((size, HW[1] + 200), np.float32)
    threads = 30 * np.sin(y * 2 * np.pi / 12) + 30 * np.sin(x * 2 * np.pi / 12)
    return np.asarray(120 + threads + 0.25 * (paper(seed, size) - 150), np.float32)


def take_frame(
    surface: npt.NDArray[np.float32],
    place: tuple[float, float],
    number: int,
    *,
    noise: float = 2.0,
    pattern: npt.NDArray[np.float32] | None = None,
    seconds: float | None = None,
) -> Frame:
    """The frame whose corner is at place (row, column) of the surface, with noise of its number.

    pattern: is added to the frame; it does not move. seconds: None for number / 10.
    """
    row, column = int(np.floor(place[0])), int(np.floor(place[1]))
    part = surface[row : row + HW[0] + 4, column : column + HW[1] + 4]
    matrix = np.array(((1.0, 0.0, column - place[1]), (0.0, 1.0, row - place[0])))
    grey = cv2.warpAffine(part, matrix, HW[::-1], flags=cv2.INTER_CUBIC)
    if pattern is not None:
        grey = grey + pattern
    grey = grey + noise * np.random.default_rng((number, 9)).standard_normal(HW)
    pts_s = number / 10 if seconds is None else seconds
    return Frame(number, "web", _colour(grey), number * 100_000_000, pts_s, "")


def _colour(grey: npt.NDArray[np.float64]) -> Image:
    return freeze(np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, 2))


def positions(steps: Sequence[float], start: float = 300.0) -> list[float]:
    """Rows of the surface at each frame, from the steps between frames."""
    return [start, *(start + np.cumsum(steps)).tolist()]
