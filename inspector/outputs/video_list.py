"""Lists the segments of a video, so that players open them as one video.

The list is an HTTP Live Streaming playlist (RFC 8216). Each segment is an MP4 file with hidden
fragments (inspector.outputs.mp4_file). The list names ranges of bytes in these files: the header,
and pieces of some seconds that begin with a key frame. The times of the pieces continue over all
files.
"""

import math
import os
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from inspector.core.files import write_whole
from inspector.outputs.folder import VIDEO_LIST, find_segments
from inspector.outputs.mp4_boxes import KEY_SAMPLE, NAME, find_box
from inspector.outputs.mp4_file import HEADER_AT, PIECE_S

_BOX: Final = struct.Struct(">I4s")
_RUN_HEAD: Final = 20
"""Bytes of `trun` before its first sample: box, flags, number of samples, place of the data."""
_END: Final = b"#EXT-X-ENDLIST\n"
_TITLE: Final = re.compile(r"frame (\d+), (\S+)")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some seconds of video. at, size: its bytes in the file. begin, end: time in ticks."""

    at: int
    size: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of the video. header_at, header_size: bytes of its header. timescale: ticks per s.
    first_frame_id, wall_time_utc: of its first picture."""

    path: Path
    header_at: int
    header_size: int
    timescale: int
    first_frame_id: int
    wall_time_utc: str
    pieces: Sequence[Piece]


def make_title(frame_id: int, wall_time_utc: str) -> str:
    """The title of a segment. read_segment() reads it."""
    return f"frame {frame_id}, {wall_time_utc}"


def read_segment(path: Path) -> Segment | None:
    """Reads the boxes of a segment, also of one that a killed run left. None if it has no pictures,
    or if it is not a file of this program. Raises OSError."""
    with path.open("rb") as file:
        at = HEADER_AT
        size, kind = _box_at(file, at)
        header_at, at = at + _BOX.size, at + size
        moov_size, moov_kind = _box_at(file, at)
        if (kind, moov_kind) != (b"free", b"moov"):
            return None
        file.seek(at)
        moov = file.read(moov_size)
        mdhd = find_box(moov, b"moov", b"trak", b"mdia", b"mdhd")
        name = find_box(moov, b"moov", b"udta", NAME)
        title = _TITLE.fullmatch(name[12:].decode("ascii", "replace")) if name else None
        if mdhd is None or title is None:
            return None
        timescale = struct.unpack_from(">I", mdhd, 28)[0]
        at += moov_size
        pieces = tuple(_read_pieces(file, at, PIECE_S * timescale))
    frame_id, wall_time_utc = int(title[1]), title[2]
    header_size = at - header_at
    if not pieces:
        return None
    return Segment(path, header_at, header_size, timescale, frame_id, wall_time_utc, pieces)


def write_list(folder: Path) -> None:
    """Writes the list of the segments in this folder; removes it if there are none. Raises
    SinkError, and OSError if a segment cannot be read."""
    VideoList(folder).write(find_segments(folder))


class VideoList:
    """The list of a video that grows. It keeps no segment, so that a video may last for months."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / VIDEO_LIST
        self._longest_s = 0
        """In the list; 0 if it must be written as a whole."""
        self._end_s: float | None = None

    def add(self, segment: Segment) -> None:
        """Adds a segment at the end. Raises SinkError, and OSError if a segment cannot be read."""
        if _longest_s(segment) > self._longest_s:
            paths = find_segments(self._path.parent)
            self.write(paths[: paths.index(segment.path) + 1])
            return
        self._longest_s, longest_s = 0, self._longest_s
        lines = self._describe(segment)
        with self._path.open("r+b") as file:
            file.seek(-len(_END), os.SEEK_END)
            file.write(_join(lines) + _END)
        self._longest_s = longest_s

    def write(self, paths: Iterable[Path]) -> None:
        """Writes the list of these segments; removes it if there are none. Raises as add()."""
        self._longest_s, self._end_s = 0, None
        longest_s, lines = 1, []
        for path in paths:
            if (segment := read_segment(path)) is not None:
                longest_s = max(longest_s, _longest_s(segment))
                lines += self._describe(segment)
        if not lines:
            self._path.unlink(missing_ok=True)
            return
        head = [
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            f"#EXT-X-TARGETDURATION:{longest_s}",
            "#EXT-X-PLAYLIST-TYPE:VOD",
            "#EXT-X-INDEPENDENT-SEGMENTS",
        ]
        write_whole(self._path, _join([*head, *lines]) + _END)
        self._longest_s = longest_s

    def _describe(self, segment: Segment) -> list[str]:
        begin_s = segment.pieces[0].begin / segment.timescale
        has_gap = self._end_s is not None and abs(begin_s - self._end_s) > 1
        self._end_s = segment.pieces[-1].end / segment.timescale
        return [*(["#EXT-X-DISCONTINUITY"] if has_gap else []), *_describe(segment)]


def _join(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _longest_s(segment: Segment) -> int:
    """Of its pieces, rounded up."""
    return math.ceil(max(_seconds(segment, piece) for piece in segment.pieces))


def _describe(segment: Segment) -> Iterator[str]:
    name = segment.path.name
    place = f"{segment.header_size}@{segment.header_at}"
    yield f'#EXT-X-MAP:URI="{name}",BYTERANGE="{place}"'
    yield f"#EXT-X-PROGRAM-DATE-TIME:{segment.wall_time_utc}"
    for piece in segment.pieces:
        yield f"#EXTINF:{_seconds(segment, piece):.6f},"
        yield f"#EXT-X-BYTERANGE:{piece.size}@{piece.at}"
        yield name


def _seconds(segment: Segment, piece: Piece) -> float:
    return (piece.end - piece.begin) / segment.timescale


def _read_pieces(file: BinaryIO, at: int, longest: int) -> Iterator[Piece]:
    """longest: ticks after which the next key frame begins a piece."""
    file_size = os.fstat(file.fileno()).st_size
    piece: Piece | None = None
    while True:
        size, kind = _box_at(file, at)
        data_size, data_kind = _box_at(file, at + size)
        whole = size + data_size
        if (kind, data_kind) != (b"moof", b"mdat") or at + whole > file_size:
            break
        file.seek(at)
        times = _read_times(file.read(size))
        if piece is not None and (times is None or not _begins(piece, times, longest)):
            end = piece.end if times is None else times[1]
            piece = Piece(piece.at, piece.size + whole, piece.begin, end)
        elif times is not None:
            if piece is not None:
                yield Piece(piece.at, piece.size, piece.begin, times[0])
            piece = Piece(at, whole, times[0], times[1])
        at += whole
    if piece is not None:
        yield piece


def _begins(piece: Piece, times: tuple[int, int, bool], longest: int) -> bool:
    begin, _, key = times
    return key and begin - piece.begin >= longest


def _read_times(moof: bytes) -> tuple[int, int, bool] | None:
    """First time and end of the pictures of a fragment, and whether the first is a key frame. None
    if it has only sound."""
    traf = find_box(moof, b"moof", b"traf")
    assert traf is not None
    if struct.unpack_from(">I", traf, 8 + 12)[0] != 1:  # the first track has the pictures
        return None
    tfdt, trun = find_box(traf, b"traf", b"tfdt"), find_box(traf, b"traf", b"trun")
    assert tfdt is not None
    assert trun is not None
    begin = struct.unpack_from(">Q", tfdt, 12)[0]
    rows = list(struct.iter_unpack(">III", trun[_RUN_HEAD:]))
    return begin, begin + sum(row[0] for row in rows), rows[0][2] == KEY_SAMPLE


def _box_at(file: BinaryIO, at: int) -> tuple[int, bytes]:
    file.seek(at)
    head = file.read(_BOX.size)
    if len(head) < _BOX.size:
        return 0, b""
    size, kind = _BOX.unpack(head)
    return size, kind
