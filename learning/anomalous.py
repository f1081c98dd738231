"""Reads pictures of real defects, as input pixels of an engine that is to be fitted."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inspector.core.arrays import Image
from inspector.core.reading import READING, Reading
from learning.normals import Normals
from learning.thresholds.changing import list_anomalous, picture_hash, read_new_pictures


@dataclass(frozen=True, slots=True)
class AnomalousPictures:
    """Defective pictures as the engine takes them. names: folder and file. kinds: names of the
    folders, one per picture. pixels: (m, H, W, 3) uint8 RGB."""

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    pixels: Image


ReadAnomalous = Callable[[Normals], AnomalousPictures]
"""Reads the defective pictures at the input size of these normals."""


def read_anomalous(
    folders: Sequence[Path], normals: Normals, reading: Reading = READING
) -> AnomalousPictures:
    """All pictures directly in the folders, each once. normals: their input size and their depth
    are used.

    Raises DataError for a folder without pictures, for a picture that cannot be read, and for one
    that is also among the normals.
    """
    if reading.bit_depth is None and (normals.bit_depth or 8) > 8:
        reading = dataclasses.replace(reading, bit_depth=normals.bit_depth)
    files = [file for folder in folders for file in list_anomalous(folder)]
    known = frozenset(map(picture_hash, normals.pixels))
    pictures = list(
        read_new_pictures(
            files,
            normals.rule,
            reading,
            known,
            once=True,
            reason="is defective and is also one of the good pictures: take it out of one folder",
        )
    )
    return AnomalousPictures(
        tuple(f"{file.parent.name}/{file.name}" for file, _ in pictures),
        tuple(file.parent.name for file, _ in pictures),
        np.stack([pixels for _, pixels in pictures]),
    )
