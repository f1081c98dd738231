"""The web of the demo: a photograph of a texture, with defects of known size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from inspector.core.arrays import Image
from inspector.core.errors import ConfigError
from inspector.sources.rendered_defects import RenderedDefect
from inspector.sources.web import MovingWeb, scattered_defects
from tools._quilt import quilt

FRAME_HW = (720, 1280)
MM_PER_PX = 0.1

TEXTURES: dict[str, tuple[float, float, float]] = {
    "gravel": (0.80, 0.95, 1.00),
    "brick": (0.70, 0.80, 1.00),
    "grass": (0.65, 1.00, 0.85),
}
"""Photographs that scikit-image ships (CC0, grey, 512x512) -> colour given to them, BGR."""

LENGTHS_MM: dict[str, tuple[float, ...]] = {
    "hole": (2.0, 4.0, 7.0, 12.0),
    "scratch": (6.0, 10.0, 20.0, 35.0),
    "stain": (4.0, 7.0, 12.0, 18.0),
    "missing_yarn": (15.0, 25.0, 40.0, 55.0),
}

SPEED_PX = 26.4
_SPACING_PX = 320.0
_ZOOM = 0.5
"""Of the photograph, so that its stones are 1 to 2 mm."""

_PIECES = (2, 5)
_FRAMES_PER_PIECE = 4
_PIECE_WEB_HW = (400, 640)
_INSPECTED_WEB_PX = 1440
_CLEAN_PX = 2.5 * FRAME_HW[0]
"""Web without a defect before the first one: frames that must pass."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A web and how many frames of it are inspected."""

    web: MovingWeb
    frames: int


def photograph(name: str) -> Image:
    """(512, 512, 3) uint8 BGR. Raises ConfigError."""
    try:
        from skimage import data
    except ImportError as exc:
        raise ConfigError("the demo needs scikit-image: pip install '.[demo]'") from exc
    grey = getattr(data, name)()[..., None]
    return np.clip(np.rint(grey * np.array(TEXTURES[name])), 0, 255).astype(np.uint8)


def normal_frames(texture: str, seed: int) -> Iterator[Image]:
    """Frames without a defect, from the upper half of the photograph.

    The half is cut into ten pieces, and every fourth frame shows a web made of the next piece. So
    ten folds of neighbouring frames share no stone, and k-fold scores say what a stretch that was
    never seen will score; frames of one web would all show the same stones.
    """
    rng = np.random.default_rng((seed, 11))
    upper = photograph(texture)
    upper = upper[: len(upper) // 2]
    rows, columns = _PIECES
    height, width = upper.shape[0] // rows, upper.shape[1] // columns
    for number in range(rows * columns):
        top, left = number // columns * height, number % columns * width
        piece = _scaled(upper[top : top + height, left : left + width])
        surface = quilt(piece, _PIECE_WEB_HW, rng, block=36, overlap=10)
        speed = 2 * len(surface) / _FRAMES_PER_PIECE + 0.37
        web = _web(surface, speed, 100 * seed + number + 1)
        yield from (web.frame(index)[0] for index in range(_FRAMES_PER_PIECE))


def inspected_scene(texture: str, seed: int) -> Scene:
    """The lower half with one defect of every kind and length, until the last one has left."""
    rng = np.random.default_rng((seed, 7))
    lower = photograph(texture)
    surface = quilt(_scaled(lower[len(lower) // 2 :]), (_INSPECTED_WEB_PX, FRAME_HW[1]), rng)
    defects = scattered_defects(
        [(kind, length) for kind, lengths in LENGTHS_MM.items() for length in lengths],
        rng,
        frame_hw=FRAME_HW,
        mm_per_px=MM_PER_PX,
        start_px=FRAME_HW[0] + _CLEAN_PX,
        spacing_px=_SPACING_PX,
    )
    end = max(defect.bounds[3] for defect in defects)
    return Scene(_web(surface, SPEED_PX, 100 * seed, defects), int(np.ceil(end / SPEED_PX)))


def _scaled(picture: Image) -> Image:
    size = round(picture.shape[1] * _ZOOM), round(picture.shape[0] * _ZOOM)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _web(
    surface: Image, speed_px: float, seed: int, defects: Sequence[RenderedDefect] = ()
) -> MovingWeb:
    return MovingWeb(
        surface,
        frame_hw=FRAME_HW,
        mm_per_px=MM_PER_PX,
        speed_px_per_frame=speed_px,
        seed=seed,
        defects=defects,
    )
