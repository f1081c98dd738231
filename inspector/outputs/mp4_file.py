"""Writes an MP4 file in fragments, and makes it a normal MP4 file at its end."""

import math
import os
import struct
import threading
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final

from loguru import logger

from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import SinkError
from inspector.core.file_hash import FileHash, FileState
from inspector.outputs.mp4_boxes import Sample, SampleTable, Track, box, fragment, full_box, movie
from inspector.outputs.mp4_index import MOST_SAMPLES, SampleRows

FRAGMENT_S: Final = 0.5
"""The next picture ends a fragment that is this old."""
LATEST_S: Final = 0.7
"""A fragment of this age is written without waiting for the next picture."""
LONGEST_S: Final = 0.75
"""A fragment does not become longer than this in the time of its pictures."""
PIECE_S: Final = 6
"""A fragment ends before the first key frame that comes this time after the last such place. A list
of segments (inspector.outputs.video_list) names these places."""
MOST_BYTES: Final = 8_000_000
"""A larger fragment is written at once."""

_MAX_TIMESCALE: Final = 2**31 - 1
_PERIOD_S: Final = 0.1
_START: Final = box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso5iso6avc1mp41")
_HEAD: Final = len(_START) + 16
"""The bytes that begin() and finish() change; everything after them is only appended."""


def _no_pictures() -> bytes:
    picture = box(b"avc1", struct.pack(">6xH16xHH50x", 1, 2, 2))
    track = Track(1, 1000, full_box(b"stsd", struct.pack(">I", 1), picture), 0, (2, 2))
    return movie([track], [SampleTable()], 1000, fragmented=True)


HEADER_AT: Final = len(_START) + len(_no_pictures())
"""Place of the header, and then of the fragments. In a finished file players do not see them."""


class Mp4File:
    """An MP4 file that is readable at any time.

    At first it has a track without pictures. Each sample is in the file LATEST_S after it was added
    at the latest, also if no other sample follows: a thread writes it. finish() adds an index
    (moov) at the end and then hides the fragments from players with a write of 16 bytes. Before
    that write the file is fragmented, after it the file is normal. Raises SinkError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tracks: Sequence[Track] = ()
        self._pending: list[list[Sample]] = []
        self._scale = 1
        self._oldest_ns: int | None = None
        self._bytes = self._sequence = self._end = 0
        self._durations: list[int] = []
        self._title, self._start_s = "", Fraction(0)
        self._piece_at: int | None = None
        self._error: SinkError | None = None
        self._lock = threading.Lock()
        self._hash, self._removed = FileHash(_HEAD), False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._flush_late, name="video", daemon=True)
        part = path.with_name(path.name + ".part")
        try:
            self._file = part.open("w+b", buffering=0)
            self._rows = SampleRows(path.parent)
            # The first `moov` has a track without pictures. begin() turns it into free space.
            begin = _START + _no_pictures()
            self._end = self._file.write(begin)
            self._hash.append(begin)
            part.replace(path)
        except OSError as exc:
            raise SinkError(f"the video {path} cannot be started: {_reason(exc)}") from exc

    def begin(
        self,
        tracks: Sequence[Track],
        samples: Sequence[Sequence[Sample]],
        title: str = "",
        start_s: Fraction = Fraction(0),
    ) -> None:
        """tracks: numbered from 1, in this order. samples: the first ones of each track. title: of
        the file, ASCII. start_s: time of the samples that is 0 in the finished file."""
        self._tracks = tracks
        self._title, self._start_s = title, start_s
        self._piece_at = samples[0][0].time
        self._pending = [list(group) for group in samples]
        self._durations = [0] * len(tracks)
        self._scale = _movie_timescale(tracks)
        empty = [SampleTable() for _ in tracks]
        # A list of segments needs the type of the file directly before its `moov`.
        header = movie(tracks, empty, self._scale, title, fragmented=True)
        self._append(box(b"free", _START) + header)
        self._overwrite(len(_START) + 4, b"free")
        self._flush()
        self._thread.start()

    def add(self, track: Track, sample: Sample) -> None:
        """The times of a track must rise."""
        with self._lock:
            if self._error is not None:
                raise self._error
            if track is self._tracks[0] and self._ends_before(sample):
                self._flush(sample.time)
            self._pending[track.number - 1].append(sample)
            self._bytes += len(sample.data)
            self._oldest_ns = self._oldest_ns or now_ns()
            if self._bytes > MOST_BYTES:
                self._flush()

    def finish(self, end: int | None = None) -> None:
        """Writes the rest and the index, and closes the file. Removes a file without pictures.
        end: time at which the last picture ends, in ticks; None: after its duration. Raises
        SinkError if the rest cannot be written. Without an index the file stays fragmented; a
        logged line says so."""
        self._stop()
        try:
            if self._error is not None:
                raise self._error
            self._flush(end)
            if self._sequence:
                self._write_index(end)
        finally:
            self._close_files()
        if not self._sequence:
            self.path.unlink(missing_ok=True)
            self._removed = True

    def abandon(self) -> None:
        """Closes the file after a failure. It has the complete fragments."""
        self._stop()
        self._close_files()

    def state(self) -> FileState | None:
        """Size and hash of the complete fragments; None if the file was removed."""
        with self._lock:
            return None if self._removed else self._hash.state()

    def _stop(self) -> None:
        self._closed.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _close_files(self) -> None:
        self._rows.close()
        try:
            self._file.close()
        except OSError as exc:
            raise SinkError(f"the video {self.path} cannot be closed: {_reason(exc)}") from exc

    def _flush_late(self) -> None:
        while not self._closed.wait(_PERIOD_S):
            with self._lock:
                if self._error is None and self._is_due(LATEST_S):
                    try:
                        self._flush()
                    except SinkError as exc:
                        self._error = exc

    def _ends_before(self, sample: Sample) -> bool:
        """Whether the pending fragment ends before this picture."""
        pictures, timescale = self._pending[0], self._tracks[0].timescale
        assert self._piece_at is not None
        if sample.key and sample.time - self._piece_at >= PIECE_S * timescale:
            self._piece_at = sample.time
            return True
        return self._is_due(FRAGMENT_S) or (
            bool(pictures) and sample.time - pictures[0].time > LONGEST_S * timescale
        )

    def _is_due(self, age_s: float) -> bool:
        return self._oldest_ns is not None and ms_since(self._oldest_ns) >= age_s * 1e3

    def _flush(self, next_time: int | None = None) -> None:
        """Writes the pending samples. next_time: time of the next picture, if it is known."""
        runs = []
        for track, samples in zip(self._tracks, self._pending, strict=True):
            if samples:
                following = next_time if track.hw else None
                runs.append((track, _set_durations(samples, following)))
                self._durations[track.number - 1] = runs[-1][1][-1].duration
        self._pending = [[] for _ in self._tracks]
        self._oldest_ns, self._bytes = None, 0
        if not runs:
            return
        self._sequence += 1
        data = fragment(self._sequence, runs)
        at = self._end + len(data) - sum(len(s.data) for _, samples in runs for s in samples)
        self._append(data)
        self._remember(runs, at)

    def _append(self, data: bytes) -> None:
        """Writes the first 8 bytes last. Until then players see a part that has no type."""
        self._check_file()
        try:
            self._overwrite(self._end + 8, data[8:])
            self._overwrite(self._end, data[:8])
        except OSError as exc:
            self._cut()
            raise SinkError(f"the video {self.path} cannot be written: {_reason(exc)}") from exc
        self._end += len(data)
        self._hash.append(data)

    def _overwrite(self, at: int, data: bytes) -> None:
        os.lseek(self._file.fileno(), at, os.SEEK_SET)
        _write_all(self._file.fileno(), data)
        if at < _HEAD:
            self._hash.overwrite(at, data)

    def _check_file(self) -> None:
        """Raises SinkError if another program changed, moved or removed the file."""
        status = os.fstat(self._file.fileno())
        if status.st_size != self._end:
            raise SinkError(f"{self.path} was shortened or written by another program")
        try:
            if not os.path.samestat(status, os.stat(self.path)):
                raise SinkError(f"{self.path} was replaced during the run")
        except FileNotFoundError:
            raise SinkError(f"{self.path} was removed or moved during the run") from None

    def _cut(self) -> None:
        try:
            self._file.truncate(self._end)
        except OSError as exc:
            logger.warning("the video {} ends in a broken part: {}", self.path, _reason(exc))

    def _remember(self, runs: Sequence[tuple[Track, Sequence[Sample]]], at: int) -> None:
        try:
            self._rows.add(runs, at)
        except OSError as exc:
            raise SinkError(
                f"the index of the video {self.path} cannot be written: {_reason(exc)}"
            ) from exc

    def _write_index(self, end: int | None) -> None:
        if self._rows.count > MOST_SAMPLES:
            self._say_fragmented("it has too many pictures for an index")
            return
        try:
            tracks, tables = self._rows.tables(self._tracks, self._durations, end)
            if not all(table.representable for table in tables):
                self._say_fragmented("a pause in it is too long for an index")
                return
            hidden = self._end - len(_START)
            place = self._title, self._start_s
            self._append(movie(tracks, tables, self._scale, *place, fragmented=False))
            os.fsync(self._file.fileno())
            self._overwrite(len(_START), struct.pack(">I4sQ", 1, b"mdat", hidden))
            os.fsync(self._file.fileno())
        except OSError as exc:
            self._say_fragmented(_reason(exc))

    def _say_fragmented(self, reason: str) -> None:
        logger.warning(
            "the video {} is complete, but it has no index, so some players do not show its "
            "duration: {}",
            self.path,
            reason,
        )


def _set_durations(samples: Sequence[Sample], next_time: int | None) -> list[Sample]:
    """The duration of a sample reaches to the next sample."""
    times = [sample.time for sample in samples[1:]]
    last = samples[-1]
    times.append(last.time + last.duration if next_time is None else next_time)
    return [replace(s, duration=t - s.time) for s, t in zip(samples, times, strict=True)]


def _movie_timescale(tracks: Sequence[Track]) -> int:
    """A unit in which the start of each track is exact."""
    common = math.lcm(*(track.timescale for track in tracks))
    return common if common <= _MAX_TIMESCALE else tracks[0].timescale


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _reason(exc: OSError) -> str:
    return str(exc.strerror or exc)
