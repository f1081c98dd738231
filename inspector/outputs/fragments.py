"""The boxes of a fragmented MP4 file: its last whole fragment (ISO/IEC 14496-12, 4.2)."""

import struct
from pathlib import Path
from typing import BinaryIO

from inspector.core.errors import SinkError

_LARGE = 1
_TO_THE_END = 0


def cut_torn_fragment(path: Path) -> None:
    """Takes away what a failed write left after the last whole fragment, because players stop with
    an error there. Raises SinkError."""
    try:
        with path.open("r+b") as file:
            file.truncate(whole_until(file))
    except OSError as exc:
        raise SinkError(f"the video {path} ends in a torn fragment: {exc.strerror}") from exc


def is_torn(path: Path) -> bool:
    """Whether the file ends in the middle of a box or of a fragment. Raises SinkError."""
    try:
        with path.open("rb") as file:
            return whole_until(file) != file.seek(0, 2)
    except OSError as exc:
        raise SinkError(f"the video {path} cannot be read back: {exc.strerror}") from exc


def whole_until(file: BinaryIO) -> int:
    """The offset behind the last whole box; a fragment's index (moof) without the whole of its
    data (mdat) does not count."""
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
