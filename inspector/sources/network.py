"""Opens a network source: a file over HTTP, or a live stream that is connected again."""

from collections.abc import Mapping
from threading import Event

from loguru import logger

from inspector.core.errors import SourceError
from inspector.core.types import SourceInfo
from inspector.sources.decoders import check_decoder
from inspector.sources.live import LiveReader, LiveSource
from inspector.sources.network_file import NetworkFile
from inspector.sources.network_place import Place
from inspector.sources.network_stream import NetworkStream
from inspector.sources.options import NetworkOptions

# A connection that nobody read for longer holds old pictures in its buffers.
_RENEW_S = 1.0


def open_network(url: str, options: NetworkOptions) -> "NetworkFile | NetworkSource":
    """Opens the URL and waits for its first picture.

    A file of known length or a complete playlist over HTTP gives a NetworkFile, anything else a
    NetworkSource. url: may contain a user and a password; they are never shown. Raises SourceError.
    With options.reconnect.wait_for_source a source that cannot be opened now is a NetworkSource,
    whose read() tries until it succeeds.
    """
    check_decoder(options.decoder)
    place = Place(url, options)
    closing = Event()
    try:
        opened = place.open(closing)
        if opened.finite and opened.inputs is not None:
            return NetworkFile(place, opened)
        stream = NetworkStream(place, opened, closing)
        stream.wait_for_picture()
    except SourceError as exc:
        if not options.reconnect.wait_for_source:
            raise
        logger.warning("{}", exc)
        return NetworkSource(place, None, closing)
    return NetworkSource(place, stream, closing)


class NetworkSource(LiveSource):
    """A live source: pts_s is None, and the pipeline drops frames that it cannot process in time.

    After each connect the first frame is a key frame. If the server ends the stream, the source
    connects again, except after the end of a complete playlist. The frames of a live playlist wait
    on the server until they are read, up to options.buffer_s.

    stream: an open connection, or None to open it at the first read.
    """

    def __init__(self, place: Place, stream: NetworkStream | None, closing: Event) -> None:
        self._place = place
        self._stream = stream
        info = SourceInfo(
            source_id=place.name,
            live=True,
            frame_hw=None if stream is None else stream.frame_hw,
            fps=None if stream is None else stream.fps,
            decoder=None if stream is None else stream.decoder,
        )
        reader = LiveReader(
            place.name,
            self._connect,
            stream,
            place.options.reconnect,
            closing,
            stale_s=place.options.read_timeout_s,
            renew_s=_RENEW_S,
        )
        super().__init__(info, reader)

    @property
    def buffered(self) -> bool:
        """True while the frames wait on the server: a playlist, or a file that appeared late."""
        return self._stream is not None and self._stream.buffered

    @property
    def dropped(self) -> int:
        """Number of frames that were dropped because the playlist was too far ahead."""
        return self._reader.dropped

    def missing(self) -> Mapping[str, int]:
        """Frames of segments that could not be read, estimated from their duration."""
        lost_s = self._place.playlists.lost_s
        fps = self._stream.fps if self._stream is not None else None
        return {"wire": max(1, round(lost_s * (fps or 0)))} if lost_s > 0 else {}

    def close(self) -> None:
        self._place.abort()
        super().close()

    def _connect(self, closing: Event) -> NetworkStream:
        self._stream = NetworkStream(self._place, self._place.open(closing), closing)
        return self._stream
