"""Finds and cuts an incomplete fragment at the end of an MP4 file (ISO/IEC 14496-12, 4.2)."""

import struct
from pathlib import Path
from typing import BinaryIO

from inspector.core.errors import SinkError

_LARGE = 1
_TO_THE_END = 0


def cut_torn_fragment(path: Path) -> None:
    """Removes an incomplete fragment from the end of a file, because players stop there with an
    error. Raises SinkError."""
    try:
        with path.open("r+b") as file:
            file.truncate(find_complete_end(file))
    except OSError as exc:
        raise SinkError(f"the video {path} ends in an incomplete fragment: {exc.strerror}") from exc


def is_torn(path: Path) -> bool:
    """Whether the file ends inside a box or a fragment. Raises SinkError."""
    try:
        with path.open("rb") as file:
            return find_complete_end(file) != file.seek(0, 2)
    except OSError as exc:
        raise SinkError(f"the video {path} cannot be read: {exc.strerror}") from exc


def find_complete_end(file: BinaryIO) -> int:
    """Offset of the end of the last complete box. An index (moof) counts only if its data (mdat) is
    complete."""
    size = file.seek(0, 2)
    at = end = 0
    while at + 8 <= size:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        if length == _LARGE:
            length = int.from_bytes(file.read(8), "big")
        if length == _TO_THE_END or length < 8 or at + length > size:
            break
        at += length
        if kind != b"moof":
            end = at
    return end
