"""Reads frames of an RTSP or HTTP stream and connects again when the stream breaks."""

from collections import deque
from collections.abc import Iterator
from threading import Event

import av
from loguru import logger

from inspector.core.arrays import Image
from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import SourceError, SourceLost
from inspector.core.reading import Reading
from inspector.core.secrets import mask_secrets, mask_uri
from inspector.core.types import BadFrame, Frame, SourceInfo
from inspector.sources.decoding import (
    Decoded,
    StreamDecoder,
    check_pixels,
    frame_rate,
    video_stream,
)
from inspector.sources.live import LiveReader
from inspector.sources.options import NetworkOptions

# FFmpeg analyses a new stream for 5 s by default. It keeps the packets that it reads meanwhile.
_ANALYZE_US = 1_000_000
_LONGEST_GOP_S = 30.0


class NetworkSource:
    """A live source: pts_s is None, and the pipeline drops frames that it cannot process in time.

    After each connect the first frame is a key frame. If the server ends the stream, the source
    connects again; the end of a file with a known length, served over HTTP, ends the source.

    url: may contain a user and a password; they are never shown. The constructor tries once and
    raises SourceError. With options.reconnect.wait_for_source it does not connect, and read() tries
    until it succeeds.
    """

    def __init__(self, url: str, options: NetworkOptions) -> None:
        self._url = url
        self._name = mask_uri(url)
        self._timeouts = (options.open_timeout_s, options.read_timeout_s)
        self._transport = options.rtsp_transport
        self._reading = options.reading
        backoff = options.reconnect
        closing = Event()
        connection = None if backoff.wait_for_source else self._connect(closing)
        self._info = SourceInfo(
            source_id=self._name,
            live=True,
            frame_hw=None if connection is None else connection.frame_hw,
            fps=None if connection is None else connection.fps,
        )
        self._reader = LiveReader(self._name, self._connect, connection, backoff, closing)

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def reconnects(self) -> int:
        """Number of attempts so far to connect again."""
        return self._reader.reconnects

    def read(self) -> Frame | BadFrame | None:
        return self._reader.read()

    def close(self) -> None:
        self._reader.close()

    def _connect(self, closing: Event) -> "_Stream":
        return _Stream(self._url, self._timeouts, self._transport, closing, self._reading)


class _Stream:
    """One connection, used until it breaks."""

    def __init__(
        self,
        url: str,
        timeouts: tuple[float, float],
        transport: str,
        closing: Event,
        reading: Reading,
    ) -> None:
        self._url = url
        self._name = mask_uri(url)
        self._timeouts = timeouts
        self._closing = closing
        options = {"analyzeduration": str(_ANALYZE_US)}
        if url.lower().startswith("rtsp"):
            options["rtsp_transport"] = transport
        try:
            self._container = av.open(url, options=options, timeout=timeouts)
        except av.FFmpegError as exc:
            reason = self._reason(exc, timeouts[0])
            raise SourceError(f"{self._name} cannot be opened: {reason}") from exc
        try:
            stream = video_stream(self._container, self._name)
            check_pixels(stream, self._name, reading.max_pixels)
        except SourceError:
            self._container.close()
            raise
        self._decoder = StreamDecoder(stream, threads=1, reading=reading)
        self._ends = url.lower().startswith("http") and bool(self._container.duration)
        self._packets = self._container.demux(stream)
        self._decoded: deque[Decoded] = deque()
        self._joined_ns: int | None = now_ns()
        rate = frame_rate(stream)
        self.fps = None if rate is None else float(rate)
        size = (stream.codec_context.height, stream.codec_context.width)
        self.frame_hw = size if all(size) else None

    def grab(self) -> tuple[Image | None, str | None] | None:
        while not self._decoded:
            if self._closing.is_set():
                return None
            step = self._next_step()
            if step is None:
                return None
            self._decoded.extend(self._after_first_key(step))
        item = self._decoded.popleft()
        return item.image, item.error

    def close(self) -> None:
        self._container.close()

    def _next_step(self) -> list[Decoded] | None:
        try:
            packet = next(self._packets)
        except av.FFmpegError as exc:
            reason = self._reason(exc, self._timeouts[1])
            raise SourceLost(f"{self._name} broke: {reason}") from exc
        except StopIteration:
            if self._ends:
                logger.info("{}: end of the file", self._name)
                return None
            raise SourceLost(f"the server ended {self._name}") from None
        return self._decoder.decode(packet) if packet.size else self._decoder.flush()

    def _after_first_key(self, step: list[Decoded]) -> Iterator[Decoded]:
        for item in step:
            if self._joined_ns is not None and item.key:
                self._joined_ns = None
            if self._joined_ns is None:
                yield item
        if self._joined_ns is not None and ms_since(self._joined_ns) > _LONGEST_GOP_S * 1e3:
            raise SourceLost(f"{self._name} sent no key frame in {_LONGEST_GOP_S:g} s")

    def _reason(self, exc: av.FFmpegError, limit_s: float) -> str:
        if isinstance(exc, av.error.ExitError):
            return f"no answer in {limit_s:g} s"
        return mask_secrets(exc.strerror or str(exc), self._url)
