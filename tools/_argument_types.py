"""Types of options that several commands share."""

import argparse
import errno
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from learning.frame_sizes import LONGEST_SIDE
from learning.normals import Size

KEEP_SIMILAR: Final = (
    "pictures that differ by noise only show different products; without it they count as one"
)
"""Help of --keep-similar."""

SHORTEST_SIDE: Final = 32
"""Smallest side of the input of an engine, px."""


def number_between(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from exc
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} must be a number from {low:g} to {high:g}")
        return value

    return parse


sigma = number_between(0, 256)


def seed(text: str) -> int:
    if not text.isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 999999999")
    return int(text)


def names(text: str) -> tuple[str, ...]:
    parts = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if not all(parts):
        raise argparse.ArgumentTypeError(f"{text!r} must be names with commas between them")
    return parts


def frame_size(text: str) -> tuple[int, int]:
    """WIDTHxHEIGHT in pixels, such as 1280x720 -> (height, width)."""
    width, height = _sides(text)
    return height, width


def input_size(text: str) -> tuple[int, int]:
    """WIDTHxHEIGHT of the input of an engine -> (height, width).

    Both sides must lie between SHORTEST_SIDE and LONGEST_SIDE.
    """
    return _within_limits(frame_size(text), text)


def input_size_or_side(text: str) -> Size:
    """WIDTHxHEIGHT as for input_size, or one number, which is the short side."""
    if "x" in text.lower():
        return input_size(text)
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(
            f"{text!r} must be a short side or WIDTHxHEIGHT in pixels, such as 256 or 448x256"
        )
    return _within_limits((int(text),) * 2, text)[0]


def squares(text: str) -> tuple[int, int]:
    """COLUMNSxROWS of a board -> (columns, rows)."""
    return _sides(text, "COLUMNSxROWS, such as 9x6")


def _sides(text: str, form: str = "WIDTHxHEIGHT in pixels, such as 1280x720") -> tuple[int, int]:
    match = re.fullmatch(r"([1-9][0-9]{0,5})[xX]([1-9][0-9]{0,5})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not {form}")
    return int(match[1]), int(match[2])


def _within_limits(hw: tuple[int, int], text: str) -> tuple[int, int]:
    if not all(SHORTEST_SIDE <= side <= LONGEST_SIDE for side in hw):
        raise argparse.ArgumentTypeError(
            f"the sides of {text!r} must lie between {SHORTEST_SIDE} and {LONGEST_SIDE} px"
        )
    return hw


def out_file(text: str) -> Path:
    """A file that can be written. This is checked before minutes of work are lost."""
    path = Path(text)
    if os.path.isdir(path):
        raise argparse.ArgumentTypeError(f"{path} is a folder; name a file in it")
    if os.path.exists(path) and not os.path.isfile(path):
        # A result file would replace the device for every program of the machine.
        raise argparse.ArgumentTypeError(f"{path} is a device or a pipe; name a file")
    _refuse_long(path, path.with_name(path.name + ".part") if path.name else path)
    _refuse_unwritable(path, path.absolute().parent)
    return path


def out_folder(text: str) -> Path:
    """A folder that can be made or written to."""
    path = Path(text)
    if os.path.exists(path) and not os.path.isdir(path):
        raise argparse.ArgumentTypeError(f"{path} is a file; name a folder")
    _refuse_long(path, path)
    _refuse_unwritable(path, path.absolute())
    return path


def _refuse_long(path: Path, longest: Path) -> None:
    """longest: the longest name that will be written, that of a temporary file."""
    try:
        os.lstat(longest)
    except OSError as exc:
        if exc.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            raise argparse.ArgumentTypeError(
                f"{str(path)[:100]} cannot be written: {exc.strerror}"
            ) from exc


def _refuse_unwritable(path: Path, folder: Path) -> None:
    while not os.path.lexists(folder):
        folder = folder.parent
    if not os.path.isdir(folder):
        kind = "a broken link" if os.path.islink(folder) else "a file"
        raise argparse.ArgumentTypeError(f"{path} cannot be written: {folder} is {kind}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"{path} cannot be written: {folder} is read-only")
