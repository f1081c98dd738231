"""Finds out whether a video file was cut: it has fewer bytes than its headers announce."""

import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

_BOXES: Final = frozenset({b"ftyp", b"styp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide"})
"""Types of the first box of an MP4 or MOV file."""

_EBML: Final = b"\x1a\x45\xdf\xa3"
_ASF: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE: Final = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_FLV_SIZE: Final = b"\x00\x08filesize\x00"
_SEGMENT: Final = b"\x18\x53\x80\x67"

_HEAD: Final = 4096
_SYNC: Final = 0x47
_TRANSPORT: Final = ((188, 0), (192, 4), (204, 0))
"""Size of a packet of a transport stream, and the place of its sync byte."""


@dataclass(frozen=True, slots=True)
class FileSize:
    """present: bytes of the file. cut: one clause that says how it was cut; None if it may be
    complete. without_index: an MP4 or MOV file that has no box `moov`."""

    present: int
    cut: str | None = None
    without_index: bool = False

    def explain(self) -> str | None:
        """One clause if the file was cut or its recording was not finished."""
        if self.without_index:
            return "its index (the box moov) is missing, so it was cut or not finished"
        return self.cut


@dataclass(frozen=True, slots=True)
class EarlyEnd:
    """The end of a file before its last frame, or a part that cannot be read.

    cause: truncated or unreadable. reason: follows the name of the file in a sentence. missing:
    number of frames; None if unknown.
    """

    cause: str
    reason: str
    missing: int | None

    @property
    def sentence(self) -> str:
        if self.missing == 1:
            return f"{self.reason}; 1 frame is missing"
        count = "an unknown number of" if self.missing is None else str(self.missing)
        return f"{self.reason}; {count} frames are missing"

    def missing_by_cause(self) -> dict[str, int]:
        return {self.cause: self.missing} if self.missing else {}


def measure_file(path: Path) -> FileSize:
    """Reads only headers. MP4, MOV, AVI, Matroska, WebM, FLV and WMV announce their size. A
    transport stream consists of whole packets. Other files may be complete. Raises OSError."""
    present = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEAD)
        announced: int | None = None
        without_index = False
        if head[4:8] in _BOXES:
            boxes = dict(_walk_boxes(file, present))
            announced, without_index = max(boxes.values()), b"moov" not in boxes
        elif head[:4] == b"RIFF":
            announced = _end_of_riff(file)
        elif head[:4] == _EBML:
            announced = _end_of_segment(head)
        elif head[:3] == b"FLV":
            announced = _flv_size(head)
        elif head[:16] == _ASF:
            announced = _asf_size(head)
        file.seek(-min(present, len(head)), os.SEEK_END)
        tail = file.read()
    if announced is not None and announced > present:
        cut = f"it was cut and has {present} of {announced} bytes"
        return FileSize(present, cut, without_index)
    for size, at in _TRANSPORT:
        # Joined files may also have an incomplete packet in the middle.
        if _has_packets(head[at:], size) and not _has_packets(tail[at - 3 * size :], size):
            return FileSize(present, "it was cut in the middle of a packet")
    return FileSize(present, None, without_index)


def _has_packets(data: bytes, size: int) -> bool:
    """Whether three packets of a transport stream begin with the data."""
    return len(data) > 2 * size and all(data[i * size] == _SYNC for i in range(3))


def _walk_boxes(file: BinaryIO, present: int) -> Iterator[tuple[bytes, int]]:
    """(type, end) of each box on the highest level."""
    start = 0
    while start < present:
        file.seek(start)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        elif size == 0:
            size = present - start  # up to the end of the file
        # A box has at least 8 bytes; a smaller size means damage, or that its header was cut.
        start += max(size, 8)
        yield head[4:8], start


def _end_of_riff(file: BinaryIO) -> int:
    """Large AVI files have several RIFF chunks."""
    end = 0
    while True:
        file.seek(end)
        head = file.read(8)
        if head[:4] != b"RIFF" or len(head) < 8:
            return end
        end += 8 + int.from_bytes(head[4:], "little")


def _end_of_segment(head: bytes) -> int | None:
    header = _read_size(head, 4)
    if header is None:
        return None
    size, start = header
    at = start + size
    if head[at : at + 4] != _SEGMENT:
        return None
    segment = _read_size(head, at + 4)
    return None if segment is None else segment[1] + segment[0]


def _read_size(data: bytes, at: int) -> tuple[int, int] | None:
    """(value, place after it) of a size in EBML; None if it is unknown, as in a live stream."""
    if at >= len(data) or data[at] == 0:
        return None
    length = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
    return None if value == (1 << 7 * length) - 1 else (value, at + length)


def _flv_size(head: bytes) -> int | None:
    """The entry `filesize` of onMetaData, a double."""
    at = head.find(_FLV_SIZE) + len(_FLV_SIZE)
    if at < len(_FLV_SIZE) or at + 8 > len(head):
        return None
    size = struct.unpack(">d", head[at : at + 8])[0]
    return int(size) if math.isfinite(size) else None


def _asf_size(head: bytes) -> int | None:
    """The file size of the file properties object (ASF specification 3.2). None in a broadcast."""
    at = head.find(_ASF_FILE)
    if at < 0 or at + 92 > len(head) or head[at + 88] & 1:
        return None
    return int.from_bytes(head[at + 40 : at + 48], "little")
