"""Grabs the pictures of one connection to a live network stream until it breaks."""

from collections import deque
from threading import Event

import av
from loguru import logger

from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import SourceLost
from inspector.core.types import Cause
from inspector.sources.decoding import Decoded, StreamDecoder, frame_rate
from inspector.sources.live import Grab
from inspector.sources.network_place import Opened, Place, explain_ffmpeg
from inspector.sources.replay import ReplayFilter

_LONGEST_GOP_S = 30.0
_MOST_WAITING = 512


class NetworkStream:
    """One connection of a live source, used until it breaks."""

    def __init__(self, place: Place, opened: Opened, closing: Event) -> None:
        self._place = place
        self._opened = opened
        self._closing = closing
        self._decoder = StreamDecoder(opened.stream, threads=1, reading=place.options.reading)
        self._packets = opened.container.demux()
        self._ready: deque[Grab] = deque()
        self._arrivals: dict[int | None, int | None] = {}
        self._joined_ns: int | None = now_ns()
        self._broken: str | None = None
        self._drained = False
        self._flushed = False
        self._replay = ReplayFilter(place.history, opened.finite) if opened.playlist else None
        self.buffered = opened.finite or opened.playlist
        self.decoder = self._decoder.name
        rate = frame_rate(opened.stream)
        self.fps = None if rate is None else float(rate)
        size = (opened.stream.codec_context.height, opened.stream.codec_context.width)
        self.frame_hw = size if all(size) else None

    def wait_for_picture(self) -> None:
        """Waits for the first picture. The next grab() returns it. Raises SourceError."""
        try:
            first = self.grab()
        except SourceLost as exc:
            self.close()
            raise self._place.error(f"no picture came: {exc}") from exc
        if first is None:
            self.close()
            raise self._place.error("it ended before the first picture")
        self._ready.appendleft(first)

    def grab(self) -> Grab | None:
        start_ns = now_ns()
        if self._opened.client is not None:
            self._opened.client.limit_reading(self._silence_s)
        while not self._ready:
            if self._closing.is_set():
                return None
            if self._broken is not None and self._drained:
                raise SourceLost(self._broken)
            if not self._read_packet(start_ns):
                return None
        return self._ready.popleft()

    def close(self) -> None:
        self._opened.container.close()
        if self._opened.inputs is not None:
            self._opened.inputs.main.close()

    @property
    def _silence_s(self) -> float:
        silence_s = self._place.silence_s
        return silence_s if self._joined_ns is None else max(silence_s, _LONGEST_GOP_S)

    def _read_packet(self, start_ns: int) -> bool:
        """Reads one packet and decodes it. False at the end of the source."""
        asked_ns = now_ns()
        try:
            packet = next(self._packets)
        except av.FFmpegError as exc:
            self._break(self._explain(exc))
            self._drained = True
            return True
        except StopIteration:
            return self._end()
        if (failure := self._http_failure()) is not None:
            self._break(failure)
        elif ms_since(asked_ns) > self._place.silence_s * 1e3:
            self._break(f"no answer in {self._place.silence_s:g} s")
        if packet.stream_index == self._opened.stream.index:
            if self._broken is not None:
                self._add_stale(packet, asked_ns)
            else:
                self._decode(packet)
        if not self._ready and ms_since(start_ns) > self._silence_s * 1e3:
            kind = "picture" if self._joined_ns is None else "key frame"
            self._break(f"it sent no {kind} in {self._silence_s:g} s")
        return True

    def _explain(self, exc: av.FFmpegError) -> str:
        if failure := self._http_failure():
            return failure
        limit_s = self._place.silence_s
        if self._opened.playlist and isinstance(exc, av.error.ExitError):
            return f"its playlist has no new segment for {limit_s:g} s"
        return explain_ffmpeg(exc, self._place.url, limit_s)

    def _break(self, reason: str) -> None:
        """The next grab() raises, after the pictures that are still in the decoder."""
        if self._broken is None:
            self._broken = f"{self._place.name} broke: {reason}"
            # After a failed HTTP body, FFmpeg gives the packets in its buffers without waiting.
            self._drained = self._http_failure() is None
            self._add_pictures(self._flush())

    def _flush(self) -> list[Decoded]:
        if self._flushed:
            return []
        self._flushed = True
        return self._decoder.flush()

    def _end(self) -> bool:
        """The end of the data. False if it is the end of the source."""
        opened, name = self._opened, self._place.name
        if (failure := self._http_failure()) is not None:
            self._break(failure)
            self._drained = True
            return True
        if opened.playlist and not self._place.playlists.complete:
            raise SourceLost(f"the playlist of {name} has no new segments")
        if not (opened.finite or opened.playlist):
            raise SourceLost(f"the server ended {name}")
        logger.info("{}: the server declared the end of the stream", name)
        return False

    def _http_failure(self) -> str | None:
        inputs = self._opened.inputs
        return None if inputs is None else inputs.main.failure

    def _add_stale(self, packet: av.Packet, asked_ns: int) -> None:
        """FFmpeg gives what is left in its buffer when the data ends. It may be incomplete."""
        if packet.size and not self._is_old(packet):
            inputs = self._opened.inputs
            arrival_ns = None if inputs is None else inputs.main.last_arrival_ns
            error = "the picture waited in a buffer until the stream broke"
            self._ready.append(Grab(None, error, Cause.STALE, arrival_ns or asked_ns))

    def _decode(self, packet: av.Packet) -> None:
        # The demuxer ends with an empty packet without times.
        if not packet.size and packet.dts is None:
            self._add_pictures(self._flush())
            return
        arrival_ns, old = self._arrival_ns(packet), self._is_old(packet)
        items = self._decoder.decode(packet)
        # The decoder may correct the time of the packet, and its pictures have the same time.
        if packet.pts is not None:
            if len(self._arrivals) >= _MOST_WAITING:
                self._arrivals.clear()
            self._arrivals[packet.pts] = None if old else arrival_ns
        self._add_pictures(items)

    def _is_old(self, packet: av.Packet) -> bool:
        return self._replay is not None and self._replay.is_old(packet)

    def _add_pictures(self, items: list[Decoded]) -> None:
        late = self._is_late() if items else False
        for item in items:
            if self._joined_ns is not None and item.key:
                self._joined_ns = None
            # None marks a picture that an earlier connection has given.
            arrival_ns = self._arrivals.pop(item.pts, now_ns())
            if self._joined_ns is None and arrival_ns is not None:
                self._ready.append(Grab(item.image, item.error, captured_ns=arrival_ns, late=late))

    def _arrival_ns(self, packet: av.Packet) -> int:
        inputs = self._opened.inputs
        arrival_ns = None
        if inputs is not None and not self._opened.playlist and packet.pos is not None:
            arrival_ns = inputs.main.arrival_ns(packet.pos + packet.size)
        return now_ns() if arrival_ns is None else arrival_ns

    def _is_late(self) -> bool:
        limit_s = self._place.options.buffer_s
        return self._opened.playlist and self._place.playlists.is_behind(limit_s)
