"""Finds a cut between two scenes in a list of good pictures."""

from typing import Final

import cv2
import numpy as np
from loguru import logger

from inspector.core.arrays import Image
from learning.copies import Distances, compare
from learning.normals import Normals

SIDE: Final = 16
"""Side of the small pictures that are compared, px. They show no noise and little texture."""

LEAST: Final = 5
LEAST_SHARE: Final = 0.1
"""Pictures that a scene has at least, and their share of all."""

APART: Final = 2.0
"""How many times farther the scenes are from each other than the pictures of a scene."""

JUMP: Final = 0.7
"""The pictures beside the cut are at least this share of the distance of the scenes apart. A slow
change of the light has no such place."""

BESIDE: Final = 3
"""Pictures on each side of a cut that show the jump."""

TRIED: Final = 5
"""Largest jumps that are looked at."""


def warn_of_scenes(normals: Normals) -> int | None:
    """Warns of two scenes. Returns the index of the first picture of the second scene.

    Several sources are expected to differ, so a cut between them is no reason for a warning.
    """
    cut = find_cut(normals.pixels)
    joints = np.cumsum([count for _, count in normals.sources])
    if cut is None or cut in joints:
        return None
    names = normals.names
    logger.warning(
        "the good pictures of {} show two scenes: {} pictures from {} to {}, and {} from {} to {}; "
        "if these are two products or two set-ups, fit an engine for each",
        *(normals.name, cut, names[0], names[cut - 1]),
        *(len(names) - cut, names[cut], names[-1]),
    )
    return cut


def find_cut(pixels: Image) -> int | None:
    """Index of the picture with which a second scene begins; None if there is no clear cut.

    pixels: (n, H, W, 3) uint8 in their order. Single odd pictures are not a scene.
    """
    count = len(pixels)
    least = max(LEAST, round(LEAST_SHARE * count))
    if count < 2 * least:
        return None
    small = [cv2.resize(each, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for each in pixels]
    distances = compare(np.stack(small))
    places = np.arange(least, count - least + 1)
    jumps = np.array([_jump(distances, int(place)) for place in places])
    for place in places[np.argsort(-jumps, kind="stable")[:TRIED]]:
        between = float(np.median(distances[:place, place:]))
        within = max(_usual(distances[:place, :place]), _usual(distances[place:, place:]))
        if between > APART * within and _jump(distances, int(place)) >= JUMP * between:
            near = range(int(place) - BESIDE + 1, int(place) + BESIDE)
            return max(near, key=lambda index: distances[index - 1, index])
    return None


def _jump(distances: Distances, place: int) -> float:
    return float(np.median(distances[place - BESIDE : place, place : place + BESIDE]))


def _usual(distances: Distances) -> float:
    """Median distance of different pictures."""
    return float(np.median(distances[np.triu_indices(len(distances), 1)]))
