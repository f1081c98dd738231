"""Normal pictures of a folder, and pictures that may be unreadable."""

import os
from pathlib import Path
from typing import Final

from loguru import logger

from engines.pictures import decode_picture
from inspector.core.arrays import Image
from inspector.core.errors import DataError
from inspector.core.picture_files import (
    PICTURE_SUFFIXES,
    describe_left_out,
    folders_in,
    pictures_in,
)
from inspector.core.reading import READING, Reading
from learning.datasets.kind_names import EXAMPLES, describe_several, folders_named, good_folders
from learning.datasets.kinds import read_kind
from learning.datasets.other_folders import describe_results, is_failed_snapshot

MAX_NAMES: Final = 5
"""Folders that a message names."""


def list_pictures(folder: Path) -> list[Path]:
    """Good pictures, in natural order: those of train/good where the folder is a data set's class
    folder, else those directly in it, else those of its folder of good pictures.

    learning.datasets.kind_names lists the names for good. Raises DataError if there is no picture.
    """
    if not os.path.isdir(folder):
        reason = "is not a folder" if os.path.exists(folder) else "does not exist"
        raise DataError(f"folder of good pictures {folder} {reason}")
    parts = folders_named(folder, "train", "training")
    good = [place for part in parts for place in good_folders(part)]
    if not good and not pictures_in(folder):
        good = good_folders(folder)
    for sentence in describe_several(good):
        logger.warning("{}", sentence)
    pictures = [path for place in good or [folder] for path in _read_place(place, folder)]
    if not pictures:
        raise DataError(_explain_none(folder, parts, good))
    if failed := [path for path in pictures if is_failed_snapshot(path)]:
        logger.warning(
            "{} of {} pictures are snapshots of frames that a run did not PASS, first {}: check "
            "that they show good product",
            *(len(failed), len(pictures), failed[0]),
        )
    return pictures


def _read_place(place: Path, folder: Path) -> list[Path]:
    if place == folder:
        pictures, problems = pictures_in(place), describe_left_out(place)
    else:
        pictures, problems = read_kind(place)
    for problem in problems if pictures else ():
        logger.warning("{}", problem)
    return pictures


def _explain_none(folder: Path, parts: list[Path], good: list[Path]) -> str:
    if good:
        return f"{good[0]} holds no pictures ({', '.join(PICTURE_SUFFIXES)})"
    if parts and (loose := pictures_in(parts[0])):
        return (
            f"{parts[0]} has {len(loose)} pictures and no folder of good pictures: if all of them "
            f"are good, give {parts[0]}"
        )
    if reason := describe_results(folder):
        return f"{folder} holds no good pictures: {reason}"
    others = [below.name for place in parts or [folder] for below in folders_in(place)]
    message = f"{parts[0] if parts else folder} holds no pictures ({', '.join(PICTURE_SUFFIXES)})"
    if not others:
        return message
    return (
        f"{message}, only folders: {', '.join(others[:MAX_NAMES])}. Name the folder of good "
        f"pictures {EXAMPLES}; of a data set of several classes, name one class"
    )


def read_picture(path: Path, reading: Reading = READING) -> Image | None:
    """(H, W, 3) uint8 BGR, or None if the file is no readable picture; see decode_picture."""
    try:
        return decode_picture(path, reading=reading)
    except DataError:
        return None
