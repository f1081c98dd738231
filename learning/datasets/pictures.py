"""The pictures of a folder, and one picture from a file."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image
from inspector.core.errors import DataError

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def is_picture(path: Path) -> bool:
    """By its name; hidden files (such as ._001.png of a Mac) are none."""
    # Unlike Path.is_file, isfile is False for a name that is too long or in a closed folder.
    return (
        path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and os.path.isfile(path)
    )


def pictures_in(folder: Path) -> list[Path]:
    """The pictures right in a folder, sorted by name; none where it does not exist. Raises
    DataError where it cannot be listed."""
    return [path for path in entries(folder) if is_picture(path)]


def folders_in(folder: Path) -> list[Path]:
    """The folders right in a folder that are not hidden, sorted by name."""
    return [
        path for path in entries(folder) if os.path.isdir(path) and not path.name.startswith(".")
    ]


def entries(folder: Path) -> list[Path]:
    """What lies right in a folder, sorted by name; nothing where it does not exist."""
    if not folder.is_dir():
        return []
    try:
        return sorted(folder.iterdir())
    except OSError as exc:
        raise DataError(f"folder {folder} cannot be read: {exc.strerror}") from exc


def pictures_below(folder: Path) -> Iterator[Path]:
    """The pictures in a folder and its subfolders, folder by folder; each folder once, even where
    links lead back to it."""
    yield from _unseen_below(folder, set())


def _unseen_below(folder: Path, seen: set[str]) -> Iterator[Path]:
    if (real := os.path.realpath(folder)) in seen:
        return
    seen.add(real)
    yield from pictures_in(folder)
    for below in folders_in(folder):
        yield from _unseen_below(below, seen)


def list_pictures(folder: Path) -> list[Path]:
    """Pictures of a folder, or of its train/good where it is a data set's class folder, sorted by
    name. Raises DataError where there is none."""
    if not os.path.isdir(folder):
        raise DataError(f"folder of normal pictures {folder} does not exist")
    nested = folder / "train" / "good"
    place = nested if nested.is_dir() else folder
    found = pictures_in(place)
    if not found:
        hint = ", only folders: is it a data set of several classes?" if folders_in(place) else ""
        raise DataError(f"{place} holds no pictures ({', '.join(SUFFIXES)}){hint}")
    return found


def read_picture(path: Path) -> Image | None:
    """(H, W, 3) uint8 BGR, or None where the file is no readable picture."""
    image = decoded(path, cv2.IMREAD_COLOR)
    return None if image is None else np.asarray(image, np.uint8)


def decoded(path: Path, flag: int) -> npt.NDArray[Any] | None:
    """What OpenCV makes of a file under an IMREAD flag, or None where it is no readable picture."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError:
        return None
    if not content.size:
        return None
    try:
        image = cv2.imdecode(content, flag)
    except cv2.error:
        return None
    return None if image is None or not image.size else np.asarray(image)
