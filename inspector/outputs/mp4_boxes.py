"""Builds the boxes of MP4 files (ISO/IEC 14496-12 and 14496-15)."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

import numpy as np
import numpy.typing as npt

KEY_SAMPLE: Final = 0x02000000
OTHER_SAMPLE: Final = 0x01010000
"""Flags of a sample: a key frame depends on no other frame."""

_SAME_FILE: Final = 1
_BASE_IS_MOOF: Final = 0x20000
_SAMPLE_FIELDS: Final = 0x701
"""Each sample has a duration, a size and flags. The run has a data offset."""
_MATRIX: Final = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_ENABLED: Final = 3
_LARGEST_U32: Final = 2**32 - 1
_UND: Final = 0x55C4
"""The language "und", not determined."""
_ZERO: Final = Fraction(0)

NAME: Final = b"\xa9nam"
"""The title of a movie, in the box `udta` (QuickTime File Format). Players show it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One encoded picture or sound packet. time, duration: ticks of its track."""

    data: bytes
    time: int
    duration: int
    key: bool = True


@dataclass(frozen=True, slots=True)
class Track:
    """One stream. timescale: ticks per s. description: its complete `stsd` box. hw: size of the
    pictures; None for sound. first: time of its first sample in this file; may be negative.
    offset: ticks that are added to each time in a fragment, because a file has no negative times;
    the same in all files of a video."""

    number: int
    timescale: int
    description: bytes
    first: int
    hw: tuple[int, int] | None = None
    offset: int = 0


def _no_values() -> npt.NDArray[np.int64]:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class SampleTable:
    """The samples of one track: times and durations in ticks, sizes in bytes, whether each is a key
    sample, and the offsets of their data in the file."""

    times: npt.NDArray[np.int64] = field(default_factory=_no_values)
    durations: npt.NDArray[np.int64] = field(default_factory=_no_values)
    sizes: npt.NDArray[np.int64] = field(default_factory=_no_values)
    keys: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    offsets: npt.NDArray[np.int64] = field(default_factory=_no_values)

    @property
    def representable(self) -> bool:
        """Whether its durations fit into an index. A pause of several hours does not fit."""
        return not len(self.durations) or int(self.durations.max()) <= _LARGEST_U32


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box with this content."""
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def full_box(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def find_box(data: bytes, *path: bytes) -> bytes | None:
    """The box at the path, such as moov, trak. None if there is none."""
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1:
            length, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        if length < head:
            return None
        if kind == path[0]:
            content = data[at : at + length]
            return content if len(path) == 1 else find_box(content[head:], *path[1:])
        at += length
    return None


def fragment(sequence: int, runs: Sequence[tuple[Track, Sequence[Sample]]]) -> bytes:
    """An index (moof) and its data (mdat). sequence: number of the fragment, from 1."""
    sizes = [_fragment_size(len(samples)) for _, samples in runs]
    data_at = 8 + 16 + sum(sizes) + 8
    parts = [full_box(b"mfhd", struct.pack(">I", sequence & _LARGEST_U32))]
    for track, samples in runs:
        parts.append(_run(track, samples, data_at))
        data_at += sum(len(sample.data) for sample in samples)
    data = [sample.data for _, samples in runs for sample in samples]
    return box(b"moof", *parts) + box(b"mdat", *data)


def _fragment_size(samples: int) -> int:
    return 8 + 16 + 20 + 20 + 12 * samples


def _run(track: Track, samples: Sequence[Sample], data_at: int) -> bytes:
    rows = np.empty((len(samples), 3), ">u4")
    for row, sample in zip(rows, samples, strict=True):
        flags = KEY_SAMPLE if sample.key else OTHER_SAMPLE
        row[:] = (min(sample.duration, _LARGEST_U32), len(sample.data), flags)
    begin = samples[0].time + track.offset
    head = struct.pack(">Ii", len(samples), data_at)
    return box(
        b"traf",
        full_box(b"tfhd", struct.pack(">I", track.number), flags=_BASE_IS_MOOF),
        full_box(b"tfdt", struct.pack(">Q", begin), version=1),
        full_box(b"trun", head, rows.tobytes(), flags=_SAMPLE_FIELDS),
    )


def movie(
    tracks: Sequence[Track],
    tables: Sequence[SampleTable],
    scale: int,
    title: str = "",
    start_s: Fraction = _ZERO,
    *,
    fragmented: bool,
) -> bytes:
    """The box `moov`. scale: ticks per s of the movie, in which tracks start and end. start_s: time
    of the samples that players show as 0; only for a movie that is not fragmented."""
    start = round(start_s * scale)
    durations = [
        max(0, _movie_ticks(t, table, scale) - start)
        for t, table in zip(tracks, tables, strict=True)
    ]
    header = struct.pack(">QQIQI", 0, 0, scale, max(durations), 1 << 16)
    header += struct.pack(">H10x", 1 << 8) + _MATRIX + bytes(24)
    traks = [
        _trak(track, table, scale, duration, start)
        for track, table, duration in zip(tracks, tables, durations, strict=True)
    ]
    defaults = [full_box(b"trex", struct.pack(">5I", t.number, 1, 0, 0, 0)) for t in tracks]
    extends = [box(b"mvex", *defaults)] if fragmented else []
    last = struct.pack(">I", len(tracks) + 1)
    names = [box(b"udta", box(NAME, struct.pack(">HH", len(title), _UND), title.encode("ascii")))]
    names = names if title else []
    return box(b"moov", full_box(b"mvhd", header, last, version=1), *traks, *extends, *names)


def _movie_ticks(track: Track, table: SampleTable, scale: int) -> int:
    """Time at which the track ends, in ticks of the movie."""
    if not len(table.times):
        return 0
    end = int(table.times[-1] + table.durations[-1])
    return -(-end * scale // track.timescale)


def _trak(track: Track, table: SampleTable, scale: int, duration: int, start: int) -> bytes:
    height, width = track.hw or (0, 0)
    volume = 0 if track.hw else 1 << 8
    header = struct.pack(">QQI4xQ8xHHH2x", 0, 0, track.number, duration, 0, 0, volume)
    header += _MATRIX + struct.pack(">II", width << 16, height << 16)
    kind, name = (b"vide", b"Video\0") if track.hw else (b"soun", b"Sound\0")
    media = struct.pack(">QQIQHH", 0, 0, track.timescale, int(table.durations.sum()), _UND, 0)
    kind_header = full_box(b"vmhd", bytes(8), flags=1) if track.hw else full_box(b"smhd", bytes(4))
    place = full_box(b"dref", struct.pack(">I", 1), full_box(b"url ", flags=_SAME_FILE))
    return box(
        b"trak",
        full_box(b"tkhd", header, version=1, flags=_ENABLED),
        _edits(track, table, scale, duration, start),
        box(
            b"mdia",
            full_box(b"mdhd", media, version=1),
            full_box(b"hdlr", bytes(4), kind, bytes(12), name),
            box(b"minf", kind_header, box(b"dinf", place), _sample_boxes(track, table)),
        ),
    )


def _edits(track: Track, table: SampleTable, scale: int, duration: int, start: int) -> bytes:
    """The edit list: a pause before the first sample, or the samples before time 0 that players
    leave out. In a fragmented file the fragments have the time of the first sample."""
    edits = []
    pause, skip = 0, track.offset
    if len(table.times):
        pause = max(0, round(track.first * scale / track.timescale) - start)
        skip = max(0, -track.first)
    if pause:
        edits.append(struct.pack(">QqI", pause, -1, 1 << 16))
    if pause or skip:
        edits.append(struct.pack(">QqI", max(duration - pause, 0), skip, 1 << 16))
    if not edits:
        return b""
    return box(b"edts", full_box(b"elst", struct.pack(">I", len(edits)), *edits, version=1))


def _sample_boxes(track: Track, table: SampleTable) -> bytes:
    """The box `stbl`. A chunk is a group of samples whose data are adjacent."""
    begins = np.flatnonzero(
        _changes(table.offsets[1:] != table.offsets[:-1] + table.sizes[:-1], len(table.offsets))
    )
    per_chunk = np.diff(np.append(begins, len(table.offsets)))
    counts, steps = run_lengths(table.durations)
    chunk_counts, chunk_sizes = run_lengths(per_chunk)
    first_chunks = np.cumsum(chunk_counts) - chunk_counts + 1
    keys = np.flatnonzero(table.keys) + 1
    parts = [
        track.description,
        _rows(b"stts", counts, steps),
        _rows(b"stsc", first_chunks, chunk_sizes, np.ones_like(chunk_sizes)),
        full_box(b"stsz", struct.pack(">II", 0, len(table.sizes)), _u32(table.sizes)),
        full_box(
            b"co64", struct.pack(">I", len(begins)), table.offsets[begins].astype(">u8").tobytes()
        ),
    ]
    if len(keys) < len(table.keys):
        parts.append(_rows(b"stss", keys))
    return box(b"stbl", *parts)


def run_lengths(values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Groups of equal adjacent values: their lengths and their values."""
    begins = np.flatnonzero(_changes(values[1:] != values[:-1], len(values)))
    return np.diff(np.append(begins, len(values))), values[begins]


def _changes(differs: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    return np.concatenate((np.ones(min(count, 1), bool), differs))


def _rows(kind: bytes, *columns: npt.NDArray[Any]) -> bytes:
    rows = np.stack(columns, axis=1)
    return full_box(kind, struct.pack(">I", len(rows)), _u32(rows))


def _u32(values: npt.NDArray[Any]) -> bytes:
    return values.astype(">u4").tobytes()
