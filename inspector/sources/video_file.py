"""Reads frames of a video file, with the times from the file."""

import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from threading import Event, Lock

import av

from inspector.core.errors import SourceEndedEarly, SourceError
from inspector.core.secrets import mask_secrets, mask_uri
from inspector.core.types import BadFrame, Frame, SourceInfo
from inspector.sources.completeness import EarlyEnd, FileSize, measure_file
from inspector.sources.decoders import check_decoder, open_container
from inspector.sources.decoding import (
    Decoded,
    StreamDecoder,
    check_pixels,
    frame_rate,
    video_stream,
)
from inspector.sources.numbering import Numbering
from inspector.sources.options import VideoFileOptions
from inspector.sources.packet_account import PacketAccount
from inspector.sources.timeline import Timeline

DEFAULTS = VideoFileOptions()

_CLOSE_WAIT_S = 1.0
_TAIL = 512
_LISTS = frozenset({"hls", "concat", "dash"})
_DEFAULT_RATE = Fraction(25)


class VideoFileSource:
    """Gives every frame of the file in presentation order. After damage, each frame up to the next
    clean key frame is a BadFrame.

    `info.frame_count` comes from the container, or is estimated from the duration; a damaged or
    truncated file gives fewer frames. `info.frame_hw` is the size after rotation. Raises
    SourceError. After the last frame of a file that was cut or cannot be read to its end, read()
    raises SourceEndedEarly.

    container: an open container of the video; None: the file at `path` is opened. length: bytes of
    its file, if they are known.
    """

    def __init__(
        self,
        path: Path | str,
        options: VideoFileOptions = DEFAULTS,
        *,
        container: av.container.InputContainer | None = None,
        length: int | None = None,
    ) -> None:
        self._name = mask_uri(str(path))
        path = Path(path)
        self._container = container or _open_container(path, self._name, options.decoder)
        self._files = [path] if container is None else []
        self._numbering = Numbering(self._name)
        self._lock = Lock()
        size = measure_file(path) if container is None else FileSize(length or sys.maxsize)
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
            self._account = PacketAccount(self._container, self._stream, size, self._name)
            self._steps = self._decode_all()
            rate = frame_rate(self._stream)
            period_s = 1 / (rate or _DEFAULT_RATE)
            self._timeline = Timeline(self._stream.time_base, period_s, self._name)
            self._info = self._describe(path, rate, self._first_size())
            on_failure.pop_all()

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def files(self) -> Sequence[Path]:
        return self._files

    def read(self) -> Frame | BadFrame | None:
        with self._lock:
            item = self._next()
            if self._closing.is_set():
                self._container.close()
                return None
        if item is None:
            if self._end is not None:
                self._missing = self._end.missing_by_cause()
                raise SourceEndedEarly(f"{self._name} {self._end.sentence}")
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
        try:
            for packet in self._container.demux(self._stream):
                # The demuxer ends with an empty packet without times; flush() takes its place.
                if not packet.size and packet.dts is None:
                    continue
                hole = self._account.follows_hole(packet)
                if held is not None:
                    yield self._decode(held, doubtful=hole)
                if hole:
                    self._decoder.report_damage("a part of the file cannot be read")
                    self._account.count_hole(packet, self._decoder.last_pts)
                self._account.count(packet)
                held = packet
        except av.FFmpegError as exc:
            # Bytes after the last picture, such as the last boundary of a multipart file, are not
            # missing pictures.
            if self._account.unread_bytes > _TAIL:
                failure = mask_secrets(exc.strerror or str(exc))
        last_pts = self._decoder.last_pts if held is None else _latest(held, self._decoder.last_pts)
        self._end = self._account.find_end(failure, last_pts)
        if held is not None:
            yield self._decode(held, doubtful=self._account.is_last_doubtful)
        yield self._decoder.flush()

    def _decode(self, packet: av.Packet, *, doubtful: bool) -> list[Decoded]:
        if doubtful:
            self._decoder.doubt_next_packet()
        return self._decoder.decode(packet)

    def _first_size(self) -> tuple[int, int]:
        """(height, width) of the first picture, which is needed to know the rotation."""
        reason = ""
        for step in self._steps:
            self._decoded.extend(step)
            for item in step:
                reason = reason or f": {item.error}"
                if item.image is not None:
                    return item.image.shape[0], item.image.shape[1]
        decoder = self._decoder.name
        raise SourceError(
            f"no picture of the video file {self._name} can be decoded by {decoder}{reason}"
        )

    def _describe(self, path: Path, rate: Fraction | None, hw: tuple[int, int]) -> SourceInfo:
        stream = self._stream
        duration_s = self._account.duration_s
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
            decoder=self._decoder.name,
        )


def _latest(packet: av.Packet, last_pts: int | None) -> int | None:
    times = [pts for pts in (packet.pts, last_pts) if pts is not None]
    return max(times, default=None)


def _open_container(path: Path, name: str, decoder: str) -> av.container.InputContainer:
    if not os.path.exists(path):
        raise SourceError(
            f"{name} does not exist: name a video file, a folder of pictures, a camera or a URL"
        )
    if path.is_dir():
        raise SourceError(f"{name} is a folder, not a video file")
    if not path.is_file():
        raise SourceError(f"{name} is a pipe or a device, not a video file: store the video first")
    if path.stat().st_size == 0:
        raise SourceError(f"the video file {name} is empty")
    check_decoder(decoder)
    try:
        container = open_container(str(path), decoder)
    except (av.FFmpegError, OSError) as exc:
        reason = mask_secrets(exc.strerror or str(exc))
        cut = measure_file(path).explain()
        sentence = f"{name} cannot be read as a video file: {reason}"
        raise SourceError(sentence if cut is None else f"{sentence}; {cut}") from exc
    if container.format.name in _LISTS:
        container.close()
        raise SourceError(
            f"{name} is a list of videos, and a part that is missing would not be noticed: name "
            "the videos themselves, or serve a playlist over HTTP"
        )
    return container
