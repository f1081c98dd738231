"""Lists picture files in natural order, for inspecting, fitting and evaluating alike."""

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from inspector.core.errors import DataError

PICTURE_SUFFIXES: Final = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"),
    *(".webp", ".jp2", ".pbm", ".pgm", ".ppm"),
)
"""In lower case. The case of a file's suffix does not matter."""


SYSTEM_FOLDERS: Final = (
    *("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"),
)
"""Folders that systems and archives add, in lower case. Their pictures are copies and thumbnails.
"""


def is_picture(path: Path) -> bool:
    """Whether `path` is a file with the suffix of a picture. Hidden files, such as ._001.png that a
    Mac writes, are not pictures."""
    # isfile returns False for a name that is too long or in a closed folder; Path.is_file raises.
    return (
        path.suffix.lower() in PICTURE_SUFFIXES
        and not path.name.startswith(".")
        and os.path.isfile(path)
    )


def natural_key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sort key that compares numbers in names by value (2.png before 10.png) and ignores case."""
    parts = re.split(r"(\d+)", name.casefold())
    natural = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]
    return natural, name


def is_glob(name: str) -> bool:
    """Whether `name` contains a wildcard and no file or folder has this name."""
    return glob.has_magic(name) and not os.path.exists(name)


def pictures_of(name: str) -> list[Path]:
    """Lists the pictures that a name means, in natural order.

    name: a folder (pictures in its subfolders do not count), a glob (** matches subfolders), or a
    file with any suffix. Raises DataError if there is no picture.
    """
    path = Path(name)
    if os.path.isdir(path):
        if not (pictures := pictures_in(path)):
            below = folders_in(path)
            hint = f", but folders: name one of them, such as {below[0]}" if below else ""
            suffixes = ", ".join(PICTURE_SUFFIXES)
            raise DataError(f"the folder {name} holds no pictures ({suffixes}){hint}")
        return pictures
    if os.path.exists(path):
        return [path]
    if not is_glob(name):
        raise DataError(f"{name} does not exist")
    matching = [path for path in map(Path, glob.glob(name, recursive=True)) if is_picture(path)]
    if not matching:
        raise DataError(f"no picture matches {name}")
    return sorted(matching, key=_by_path)


def pictures_in(folder: Path) -> list[Path]:
    """Lists the pictures in a folder, not in its subfolders, in natural order.

    Empty if the folder does not exist. Raises DataError if it cannot be listed.
    """
    return [path for path in entries(folder) if is_picture(path)]


def folders_in(folder: Path) -> list[Path]:
    """Lists the subfolders of a folder that are neither hidden nor SYSTEM_FOLDERS, in natural
    order."""
    return [
        path
        for path in entries(folder)
        if os.path.isdir(path)
        and not path.name.startswith(".")
        and path.name.lower() not in SYSTEM_FOLDERS
    ]


def entries(folder: Path) -> list[Path]:
    """Lists files and subfolders of a folder in natural order. Empty if it does not exist."""
    if not os.path.isdir(folder):
        return []
    try:
        return sorted(folder.iterdir(), key=_by_path)
    except OSError as exc:
        raise DataError(f"folder {folder} cannot be read: {exc.strerror}") from exc


def pictures_below(folder: Path) -> Iterator[Path]:
    """Yields the pictures in a folder and its subfolders, folder by folder.

    Each folder is read once, even if links lead back to it.
    """
    yield from _walk_once(folder, set())


def _walk_once(folder: Path, seen: set[str]) -> Iterator[Path]:
    if (real := os.path.realpath(folder)) in seen:
        return
    seen.add(real)
    yield from pictures_in(folder)
    for below in folders_in(folder):
        yield from _walk_once(below, seen)


def _by_path(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    return natural_key(str(path))
