"""Learns the looks of the background, from pictures of the empty scene or from the border of the
good pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.pictures import decode_picture
from engines.resize import ASPECT_TOLERANCE, to_input
from inspector.core.arrays import Image, Mask
from inspector.core.errors import DataError
from inspector.core.reading import READING, Reading
from learning.datasets.pictures import list_pictures
from learning.foreground.model import Array, border_cells, difference
from learning.normals import Normals, spread

COLOURS: Final = 8
"""Colours of the border."""

LEAST_COLOUR: Final = 0.01
"""A colour of a smaller share of the border is no background, such as that of a product that
touches the edge in a few pictures."""

MOST_VIEWS: Final = 8
"""Pictures of the empty scene that are compared with."""

MOST_SAMPLES: Final = 20_000
"""Cells that the colours are found from."""

LEAST_LEVEL: Final = 10 / 255
"""Smaller differences are noise or a change of the light."""

ABOVE_BORDER: Final = 1.25
"""The level is this many times the difference that BORDER_SHARE of the border reaches. The rest of
the border may show product."""
BORDER_SHARE: Final = 0.98

ABOVE_SCENE: Final = 1.5
"""The same for pictures of the empty scene, which show no product."""
SCENE_SHARE: Final = 0.999


@dataclass(frozen=True, slots=True)
class Background:
    """views, border, level: as in ForegroundModel. pictures: number of pictures of the empty
    scene."""

    views: Array
    border: npt.NDArray[np.int64]
    level: float
    pictures: int = 0


def from_border(colours: Array, inside: Mask, seed: int) -> Background:
    """colours: (n, 3, h, w) of the good pictures. inside: (h, w), cells in the region of interest.
    The colours are the centres of a k-means clustering."""
    flat = colours.reshape(len(colours), 3, -1)[:, :, border_cells(inside)]
    border = flat.transpose(0, 2, 1).reshape(-1, 3)
    chosen = np.random.default_rng(seed).permutation(len(border))[:MOST_SAMPLES]
    samples = np.ascontiguousarray(border[chosen])
    count = min(COLOURS, len(samples))
    cv2.setRNGSeed(seed)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 50, 1e-4)
    _, labels, centres = cv2.kmeans(samples, count, None, stop, 3, cv2.KMEANS_PP_CENTERS)
    shares = np.bincount(labels.ravel(), minlength=count) / len(samples)
    views = np.asarray(centres[shares >= LEAST_COLOUR], np.float32)[:, :, None, None]
    nowhere = np.zeros(0, np.int64)
    reached = difference(samples.T[None, :, :, None], views, nowhere)
    level = ABOVE_BORDER * float(np.quantile(reached, BORDER_SHARE))
    return Background(views, nowhere, max(LEAST_LEVEL, level))


def from_scene(colours: Array, inside: Mask) -> Background:
    """colours: (k, 3, h, w) of pictures of the empty scene. inside: as in from_border. Each picture
    is compared with the others to learn how much the scene changes."""
    views = colours[spread(len(colours), MOST_VIEWS)]
    level, border = LEAST_LEVEL, border_cells(inside)
    if len(views) > 1:
        changes = [
            difference(views[index : index + 1], np.delete(views, index, axis=0), border)
            for index in range(len(views))
        ]
        level = max(level, ABOVE_SCENE * float(np.quantile(changes, SCENE_SHARE)))
    return Background(views, border, level, len(colours))


def read_scene(path: Path, normals: Normals, reading: Reading = READING) -> Image:
    """The pictures of the empty scene, a file or a folder of them, as the engine would take them:
    (k, H, W, 3) uint8 RGB. Raises DataError for a picture that cannot be read, and for one of
    another aspect ratio than the good pictures."""
    files: Sequence[Path] = list_pictures(path) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path} holds no picture of the empty scene")
    files = [files[index] for index in spread(len(files), 4 * MOST_VIEWS)]
    height, width = normals.frame_hw
    pictures = []
    for file in files:
        image = decode_picture(file, reading=reading)
        h, w = image.shape[:2]
        if abs(w * height / (h * width) - 1) > ASPECT_TOLERANCE:
            raise DataError(
                f"picture of the empty scene {file} has {w}x{h} pixels, another aspect ratio than "
                f"the good pictures of {width}x{height}"
            )
        pictures.append(to_input(image, normals.rule)[0])
    return np.stack(pictures)
