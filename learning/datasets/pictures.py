"""Normal pictures of a folder, and pictures that may be unreadable."""

import os
from pathlib import Path

from engines.pictures import decode_picture
from inspector.core.arrays import Image
from inspector.core.errors import DataError
from inspector.core.picture_files import PICTURE_SUFFIXES, folders_in, pictures_in
from inspector.core.reading import READING, Reading


def list_pictures(folder: Path) -> list[Path]:
    """Pictures of a folder, or of its train/good where it is a data set's class folder, in natural
    order. Raises DataError if there is none."""
    if not os.path.isdir(folder):
        raise DataError(f"folder of good pictures {folder} does not exist")
    nested = folder / "train" / "good"
    place = nested if nested.is_dir() else folder
    pictures = pictures_in(place)
    if not pictures:
        hint = ", only folders: is it a data set of several classes?" if folders_in(place) else ""
        raise DataError(f"{place} holds no pictures ({', '.join(PICTURE_SUFFIXES)}){hint}")
    return pictures


def read_picture(path: Path, reading: Reading = READING) -> Image | None:
    """(H, W, 3) uint8 BGR, or None if the file is no readable picture; see decode_picture."""
    try:
        return decode_picture(path, reading=reading)
    except DataError:
        return None
