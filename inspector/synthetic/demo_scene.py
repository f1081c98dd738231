"""Makes the web of the demo: a photographed texture with defects of known size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from inspector.core.arrays import Image
from inspector.core.errors import ConfigError
from inspector.synthetic.quilt import quilt
from inspector.synthetic.rendered_defects import RenderedDefect
from inspector.synthetic.web import MovingWeb, scatter_defects

FRAME_HW = (720, 1280)
MM_PER_PX = 0.1

TEXTURES: dict[str, tuple[float, float, float]] = {
    "gravel": (0.80, 0.95, 1.00),
    "brick": (0.70, 0.80, 1.00),
    "grass": (0.65, 1.00, 0.85),
}
"""Photographs in scikit-image (CC0, grey, 512x512) -> the colour to give them, BGR."""

SIZES_MM: dict[str, tuple[tuple[float, float | None], ...]] = {
    "hole": ((2.0, None), (4.0, None), (7.0, None), (12.0, None)),
    "scratch": ((6.0, 0.6), (10.0, 0.35), (20.0, 0.8), (35.0, 1.0)),
    "stain": ((4.0, None), (7.0, None), (12.0, None), (18.0, None)),
    "missing_yarn": ((15.0, None), (25.0, None), (40.0, None), (55.0, None)),
}
"""Kind -> length and width of each defect in mm; None: random width.

At the input of the engine the smallest hole is 7 px wide and the thinnest scratch 1.2 px. Smaller
defects are hardly visible to the engine.
"""

SPEED_PX = 34.7
_SPACING_PX = 320.0
_GAP_PX = 100.0
"""Distance between defects, so that each is a separate region."""

_ZOOM = 0.5
"""Scale of the photograph: its stones become about 1 mm wide."""

_BOARD = (4, 5)
_BLOCK_PX, _OVERLAP_PX = 36, 10
_FRAMES_PER_PIECE = 4
_PIECE_WEB_HW = (400, 640)
_INSPECTED_WEB_PX = 1440
_CLEAN_PX = 1.5 * FRAME_HW[0]
"""Length of web before the first defect: frames that must pass."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A web and how many frames of it are inspected."""

    web: MovingWeb
    frames: int


def load_photograph(name: str) -> Image:
    """(512, 512, 3) uint8 BGR. Raises ConfigError."""
    try:
        from skimage import data
    except ImportError as exc:
        raise ConfigError("the demo needs scikit-image: pip install '.[demo]'") from exc
    grey = getattr(data, name)()[..., None]
    return np.clip(np.rint(grey * np.array(TEXTURES[name])), 0, 255).astype(np.uint8)


def split_photograph(picture: Image) -> tuple[list[Image], list[Image]]:
    """Cuts the photograph like a chessboard into pieces for the normal and the inspected web."""
    rows, columns = _BOARD
    height, width = picture.shape[0] // rows, picture.shape[1] // columns
    size = round(width * _ZOOM), round(height * _ZOOM)
    halves: tuple[list[Image], list[Image]] = ([], [])
    for row in range(rows):
        for column in range(columns):
            piece = picture[row * height :, column * width :][:height, :width]
            small = cv2.resize(piece, size, interpolation=cv2.INTER_AREA)
            halves[(row + column) % 2].append(np.asarray(small, np.uint8))
    return halves


def normal_frames(texture: str, seed: int) -> Iterator[Image]:
    """Yields frames without a defect: four of a web made from one piece, four from the next piece.

    So ten folds of neighbouring frames share no part of the photograph, and k-fold scores estimate
    the scores of an unknown part. Frames of a single web would all show the same parts.
    """
    rng = np.random.default_rng((seed, 11))
    for number, piece in enumerate(split_photograph(load_photograph(texture))[0]):
        surface = quilt([piece], _PIECE_WEB_HW, rng, block=_BLOCK_PX, overlap=_OVERLAP_PX)
        speed = 2 * len(surface) / _FRAMES_PER_PIECE + 0.37
        web = _make_web(surface, speed, 100 * seed + number + 1)
        yield from (web.frame(index)[0] for index in range(_FRAMES_PER_PIECE))


def inspected_scene(texture: str, seed: int) -> Scene:
    """Makes a web of the other pieces with one defect of every kind and size."""
    rng = np.random.default_rng((seed, 7))
    others = split_photograph(load_photograph(texture))[1]
    size = _INSPECTED_WEB_PX, FRAME_HW[1]
    surface = quilt(others, size, rng, block=_BLOCK_PX, overlap=_OVERLAP_PX)
    defects = scatter_defects(
        [(kind, *size) for kind, sizes in SIZES_MM.items() for size in sizes],
        rng,
        frame_hw=FRAME_HW,
        mm_per_px=MM_PER_PX,
        start_px=FRAME_HW[0] + _CLEAN_PX,
        spacing_px=_SPACING_PX,
        gap_px=_GAP_PX,
    )
    end = max(defect.bounds[3] for defect in defects)
    return Scene(_make_web(surface, SPEED_PX, 100 * seed, defects), int(np.ceil(end / SPEED_PX)))


def _make_web(
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
