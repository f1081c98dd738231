"""Lists picture files in natural order, for inspecting, fitting and evaluating alike."""

import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from loguru import logger

from inspector.core.errors import DataError

PICTURE_SUFFIXES: Final = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"),
    *(".webp", ".jp2", ".pbm", ".pgm", ".ppm"),
)
"""In lower case. The case of a file's suffix does not matter."""

OTHER_SUFFIXES: Final = (
    *(".gif", ".heic", ".heif", ".jfif", ".jpe", ".avif", ".jxl", ".tga", ".psd", ".exr", ".npy"),
    *(".npz", ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".dcm", ".dib", ".pnm", ".j2k"),
)
"""Of pictures that are not read, in lower case."""

SYSTEM_FOLDERS: Final = (
    *("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"),
)
"""Folders that systems and archives add, in lower case. Their pictures are copies and thumbnails.
"""


def is_picture(path: Path) -> bool:
    """Whether `path` is a file with the suffix of a picture, or a link to a missing file. Hidden
    files, such as ._001.png that a Mac writes, are not pictures."""
    # isfile returns False for a name that is too long or in a closed folder; Path.is_file raises.
    return (
        path.suffix.lower() in PICTURE_SUFFIXES
        and not path.name.startswith(".")
        and (os.path.isfile(path) or (os.path.islink(path) and not os.path.exists(path)))
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
    file with any suffix. If several names are links to one file, only the first name counts, and a
    warning says so. Warnings also name pictures that are left out. Raises DataError if there is no
    picture.
    """
    paths = _all_pictures_of(name)
    files: dict[str, Path] = {}
    for path in paths:
        files.setdefault(os.path.realpath(path), path)
    if (again := len(paths) - len(files)) > 0:
        logger.warning(
            "{}: {} of {} names are links to a picture that another name means as well; each "
            "picture counts once",
            *(name, again, len(paths)),
        )
    return list(files.values())


def _all_pictures_of(name: str) -> list[Path]:
    path = Path(name)
    if os.path.isdir(path):
        if not (pictures := pictures_in(path)):
            below = folders_in(path)
            hint = f", but folders: name one of them, such as {below[0]}" if below else ""
            suffixes = ", ".join(PICTURE_SUFFIXES)
            raise DataError(f"the folder {name} holds no pictures ({suffixes}){hint}")
        for sentence in describe_left_out(path):
            logger.warning("{}", sentence)
        return pictures
    if os.path.exists(path):
        return [path]
    if not is_glob(name):
        raise DataError(f"{name} does not exist")
    expanded = set(map(Path, expand_glob(name)))
    matching = {path for path in expanded if is_picture(path)}
    if not matching:
        raise DataError(f"no picture matches {name}")
    for sentence in _describe_unread(name, sorted(expanded)):
        logger.warning("{}", sentence)
    return sorted(matching, key=_by_path)


def expand_glob(pattern: str) -> Iterator[str]:
    """The files and folders that match a glob. Each folder below ** is entered once, even if links
    lead back to it."""
    before, stars, after = _split_at_stars(pattern)
    if not stars:
        yield from glob.glob(pattern)
        return
    for start in glob.glob(before) if before else [os.curdir]:
        for folder in _folders_below(Path(start), set()):
            yield from expand_glob(os.path.join(glob.escape(str(folder)), after or "*"))


def _split_at_stars(pattern: str) -> tuple[str, bool, str]:
    """The parts before and after the first folder `**`, and whether there is one."""
    parts = pattern.split(os.sep)
    if "**" not in parts:
        return pattern, False, ""
    at = parts.index("**")
    before = os.sep.join(parts[:at])
    return (before or os.sep if at else ""), True, os.sep.join(parts[at + 1 :])


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


def describe_left_out(folder: Path) -> list[str]:
    """A sentence for each reason why pictures in a folder, or directly below it, are left out."""
    real = Path(os.path.realpath(folder))
    others = (at for at in folders_in(folder) if not real.is_relative_to(os.path.realpath(at)))
    below = next((place for place in others if pictures_in(place)), None)
    if below is None:
        return describe_unread(folder)
    return [
        *describe_unread(folder),
        f"pictures in folders below {folder} are left out, such as those in {below}: give these "
        f"folders, or a glob such as {folder / '**'}",
    ]


def describe_unread(folder: Path) -> list[str]:
    """A sentence if pictures in a folder are in a format that is not read."""
    return _describe_unread(str(folder), entries(folder))


def _describe_unread(place: str, paths: Sequence[Path]) -> list[str]:
    unread = [
        path.name
        for path in paths
        if path.suffix.lower() in OTHER_SUFFIXES and not path.name.startswith(".")
    ]
    if not unread:
        return []
    return [
        f"{len(unread)} files in {place} are not read, first {unread[0]}: save them as PNG, or "
        "take them out"
    ]


def pictures_below(folder: Path) -> Iterator[Path]:
    """Yields the pictures in a folder and its subfolders, folder by folder.

    Each folder is read once, even if links lead back to it.
    """
    for place in _folders_below(folder, set()):
        yield from pictures_in(place)


def _folders_below(folder: Path, seen: set[str]) -> Iterator[Path]:
    """A folder and its subfolders that are not hidden, each once."""
    if (real := os.path.realpath(folder)) in seen:
        return
    seen.add(real)
    yield folder
    for below in folders_in(folder):
        yield from _folders_below(below, seen)


def _by_path(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    return natural_key(str(path))
