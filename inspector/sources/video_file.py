"""Reads frames of a video file, with the times from the file."""

import os
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from threading import Event, Lock

import av
from loguru import logger

from inspector.core.errors import SourceEndedEarly, SourceError
from inspector.core.secrets import mask_secrets, mask_uri
from inspector.core.types import BadFrame, Frame, SourceInfo
from inspector.sources.completeness import EarlyEnd, FileSize, measure_file
from inspector.sources.decoding import (
    Decoded,
    StreamDecoder,
    check_pixels,
    frame_rate,
    video_stream,
)
from inspector.sources.numbering import Numbering
from inspector.sources.options import VideoFileOptions
from inspector.sources.timeline import Timeline

DEFAULTS = VideoFileOptions()

_CLOSE_WAIT_S = 1.0
_TAIL = 512
_REORDERED = 4
_DEFAULT_RATE = Fraction(25)


class VideoFileSource:
    """Gives every frame of the file in presentation order. After damage, each frame up to the next
    clean key frame is a BadFrame.

    `info.frame_count` comes from the container, or is estimated from the duration; a damaged or
    truncated file gives fewer frames. `info.frame_hw` is the size after rotation. Raises
    SourceError. After the last frame of a file that was cut or cannot be read to its end, read()
    raises SourceEndedEarly.

    container: an open container of the video; None: the file at `path` is opened.
    """

    def __init__(
        self,
        path: Path | str,
        options: VideoFileOptions = DEFAULTS,
        *,
        container: av.container.InputContainer | None = None,
    ) -> None:
        self._name = mask_uri(str(path))
        path = Path(path)
        self._container = container or _open_container(path, self._name)
        self._numbering = Numbering(self._name)
        self._lock = Lock()
        # The size of a file that is not on this machine is known to its reader only.
        self._size = measure_file(path) if container is None else FileSize(sys.maxsize)
        self._packets = self._read_bytes = 0
        self._end: EarlyEnd | None = None
        self._missing: dict[str, int] = {}
        self._closing = Event()
        self._decoded: deque[Decoded] = deque()
        with ExitStack() as on_failure:
            on_failure.callback(self._container.close)
            self._stream = video_stream(self._container, self._name)
            check_pixels(self._stream, self._name, options.max_pixels)
            self._decoder = StreamDecoder(
                self._stream, threads=options.decode_threads, reading=options.reading
            )
            self._steps = self._decode_all()
            rate = frame_rate(self._stream)
            period_s = 1 / (rate or _DEFAULT_RATE)
            self._timeline = Timeline(self._stream.time_base, period_s, self._name)
            self._info = self._describe(path, rate, self._first_size())
            on_failure.pop_all()

    @property
    def info(self) -> SourceInfo:
        return self._info

    def read(self) -> Frame | BadFrame | None:
        with self._lock:
            item = self._next()
            if self._closing.is_set():
                self._container.close()
                return None
        if item is None:
            if self._end is not None:
                self._missing = self._end.missing_by_cause()
                raise SourceEndedEarly(f"{self._name} ends early: {self._end.sentence}")
            return None
        pts_s = self._timeline.seconds(item.pts)
        if item.error is None and item.image is not None:
            return self._numbering.frame(item.image, pts_s)
        return self._numbering.bad(item.error or "no picture", item.image, pts_s)

    def missing(self) -> dict[str, int]:
        """Frames after an early end, by cause. Empty before the end, and if their number is
        unknown."""
        return self._missing

    def close(self) -> None:
        self._closing.set()
        # If a read() holds the lock for longer, it closes the file when it returns.
        if self._lock.acquire(timeout=_CLOSE_WAIT_S):
            try:
                self._container.close()
            finally:
                self._lock.release()

    def _next(self) -> Decoded | None:
        while not self._decoded and not self._closing.is_set():
            step = next(self._steps, None)
            if step is None:
                return None
            self._decoded.extend(step)
        return self._decoded.popleft() if self._decoded else None

    def _decode_all(self) -> Iterator[list[Decoded]]:
        held: av.Packet | None = None
        failure: str | None = None
        # Other containers mark or leave out a packet that is not complete.
        last_is_cut = self._size.cut is not None and self._container.format.name == "mpegts"
        try:
            for packet in self._container.demux(self._stream):
                # The demuxer ends with an empty packet without times; flush() takes its place.
                if not packet.size and packet.dts is None:
                    continue
                self._packets += 1
                if packet.pos is not None:
                    self._read_bytes = packet.pos + packet.size
                if held is not None:
                    yield self._decoder.decode(held)
                if last_is_cut:
                    held = packet
                else:
                    yield self._decoder.decode(packet)
        except av.FFmpegError as exc:
            # Bytes after the last picture, such as the last boundary of a multipart file, are not
            # missing pictures.
            if self._read_bytes + _TAIL < self._size.present:
                failure = mask_secrets(exc.strerror or str(exc))
        if held is not None:
            self._decoder.doubt_next_packet()
            yield self._decoder.decode(held)
        self._end = self._find_early_end(failure)
        yield self._decoder.flush()

    def _find_early_end(self, failure: str | None) -> EarlyEnd | None:
        """Why the data ends before the last frame. None for a complete file."""
        missing = self._count_missing()
        if failure is not None:
            return EarlyEnd("unreadable", f"the rest cannot be read: {failure}", missing)
        if self._size.cut is None:
            return None
        if missing == 0:
            logger.warning("{}: {}, but no frame is missing", self._name, self._size.cut)
            return None
        return EarlyEnd("truncated", self._size.cut, missing)

    def _count_missing(self) -> int | None:
        """Exact if the container has a table of its frames; otherwise from its duration. None if it
        has neither."""
        stream, form = self._stream, self._container.format.name
        if form.startswith("mov"):
            count = max(0, len(stream.index_entries) - self._packets)
            # Each fragment has a table. Of a table that was cut, nothing is known.
            return count or (0 if stream.frames else None)
        if stream.frames:
            return max(0, stream.frames - self._packets)
        return None if form == "mpegts" else self._estimate_missing()

    def _estimate_missing(self) -> int | None:
        """From the duration of the video stream. None if only the longest stream has one."""
        rate, last_pts = frame_rate(self._stream), self._decoder.last_pts
        duration_s = _tagged_duration_s(self._stream)
        if duration_s is None and len(self._container.streams) == 1:
            duration_s = self._duration_s()
        if rate is None or last_pts is None or duration_s is None:
            return None
        by_time = round((duration_s - float(last_pts * self._stream.time_base)) * rate) - 1
        # At a constant rate the count is exact. The latest time is not: pictures before it may be
        # missing, because the order in the file is not that of presentation.
        first_s = float((self._stream.start_time or 0) * self._stream.time_base)
        by_count = round((duration_s - first_s) * rate) - self._packets
        return max(0, by_count if by_count - by_time <= _REORDERED else by_time)

    def _duration_s(self) -> float | None:
        if self._stream.duration is not None:
            return float(self._stream.duration * self._stream.time_base)
        if self._container.duration is not None:
            return self._container.duration / av.time_base
        return None

    def _first_size(self) -> tuple[int, int]:
        """(height, width) of the first picture, which is needed to know the rotation."""
        reason = ""
        for step in self._steps:
            self._decoded.extend(step)
            for item in step:
                reason = reason or f": {item.error}"
                if item.image is not None:
                    return item.image.shape[0], item.image.shape[1]
        raise SourceError(f"no picture of the video file {self._name} can be decoded{reason}")

    def _describe(self, path: Path, rate: Fraction | None, hw: tuple[int, int]) -> SourceInfo:
        stream = self._stream
        duration_s = self._duration_s()
        count = stream.frames or None
        if count is None and duration_s is not None and rate is not None:
            count = round(duration_s * float(rate))
        return SourceInfo(
            source_id=self._name,
            live=False,
            frame_hw=hw,
            fps=None if rate is None else float(rate),
            frame_count=count,
            duration_s=duration_s,
            time_base=Fraction(stream.time_base),
            path=path,
        )


def _tagged_duration_s(stream: av.VideoStream) -> float | None:
    """The tag DURATION of a Matroska track, such as 00:00:04.000000000."""
    parts = stream.metadata.get("DURATION", "").split(":")
    try:
        hours, minutes, seconds = map(float, parts)
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds


def _open_container(path: Path, name: str) -> av.container.InputContainer:
    if not os.path.exists(path):
        raise SourceError(
            f"{name} does not exist: name a video file, a folder of pictures, a camera or a URL"
        )
    if path.is_dir():
        raise SourceError(f"{name} is a folder, not a video file")
    if path.is_file() and path.stat().st_size == 0:
        raise SourceError(f"the video file {name} is empty")
    try:
        return av.open(str(path))
    except (av.FFmpegError, OSError) as exc:
        reason = mask_secrets(exc.strerror or str(exc))
        cut = measure_file(path).explain()
        sentence = f"{name} cannot be read as a video file: {reason}"
        raise SourceError(sentence if cut is None else f"{sentence}; {cut}") from exc
