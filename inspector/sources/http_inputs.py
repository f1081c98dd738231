"""Opens an HTTP address for FFmpeg: a file, a live stream, or a playlist with its segments."""

import io
from typing import Any

import av
from loguru import logger

from inspector.core.errors import SourceError
from inspector.core.secrets import mask_secrets, mask_uri
from inspector.sources.decoders import open_container
from inspector.sources.http_body import HttpBody, Retry
from inspector.sources.http_client import HttpClient, Refused
from inspector.sources.playlists import START, PlaylistReader, Segment

_ATTEMPTS = 4
_HEAD = 8
_LARGEST_PLAYLIST = 16 * 1024 * 1024
# RFC 8216 starts at least three target durations before the end. Two give less delay, and one
# segment is still complete when the next one is late.
_START_INDEX = "-2"


class HttpInputs:
    """The bodies that FFmpeg reads for one source.

    The constructor sends the first request and raises SourceError. playlists: what is known about
    the playlists of the source. encrypted: True if FFmpeg asked for a part that only FFmpeg can
    decrypt. failure: why the last part could not be opened.
    """

    def __init__(self, client: HttpClient, playlists: PlaylistReader, retry: Retry) -> None:
        self.encrypted = False
        self.failure: str | None = None
        self._client = client
        self._playlists = playlists
        self._retry = retry
        self.main = HttpBody(client, client.url, retry=retry)
        self.is_playlist = self.main.peek(_HEAD)[: len(START)] == START
        self._pending: Any = self.main
        if self.is_playlist:
            self._pending = self._read_playlist(self.main)

    def open_container(
        self, options: dict[str, str], timeouts: tuple[float, float], decoder: str
    ) -> av.container.InputContainer:
        """decoder: source.decoder. Raises av.FFmpegError and SourceError."""
        hls = {
            "live_start_index": _START_INDEX,
            "http_persistent": "0",
            "http_multiple": "0",
            "extension_picky": "0",
            "allowed_extensions": "ALL",
        }
        return open_container(
            self.main.url,
            decoder,
            format="hls" if self.is_playlist else None,
            options=options | hls if self.is_playlist else options,
            timeout=timeouts,
            io_open=self._open,
        )

    def _open(self, url: str, flags: int, options: dict[str, str]) -> Any:
        """Called by FFmpeg. An exception would end the stream, so a part that cannot be opened is
        empty."""
        if self._pending is not None:
            body, self._pending = self._pending, None
            return body
        if not url.lower().startswith(("http://", "https://")):
            self.encrypted |= url.startswith("crypto")
            self._report(url, "only http and https are read here")
            return io.BytesIO()
        first = int(options.get("offset", 0))
        end = int(options["end_offset"]) if "end_offset" in options else None
        segment = self._playlists.begin_segment(url, first)
        try:
            body = self._request(url, segment, first, end)
            start = body.peek(len(START))
            if segment is None and start == START:
                return self._read_playlist(body)
            if segment is not None and start[:1] in (b"<", b"{"):
                raise SourceError(f"this is no video: the server sends {body.content_type}")
            return body
        except SourceError as exc:
            if segment is not None:
                self._playlists.lose(segment)
            self._report(url, str(exc))
            return io.BytesIO()

    def _request(self, url: str, segment: Segment | None, first: int, end: int | None) -> HttpBody:
        """Tries several times, except after a clear refusal."""
        for attempt in range(_ATTEMPTS):
            try:
                return _Part(self._client, url, self._playlists, segment, first, end, self._retry)
            except Refused:
                raise
            except SourceError:
                delay_s = self._retry.first_delay_s * 2**attempt
                if attempt == _ATTEMPTS - 1 or self._client.closing.wait(delay_s):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _read_playlist(self, body: HttpBody) -> io.BytesIO:
        text = b""
        while len(text) < _LARGEST_PLAYLIST and (more := body.read(1 << 16)):
            text += more
        body.close()
        if body.failure is not None:
            raise SourceError(body.failure)
        self._playlists.update(body.url, text.decode(errors="replace"))
        self.failure = None
        return io.BytesIO(text)

    def _report(self, url: str, reason: str) -> None:
        self.failure = f"{mask_uri(url)}: {mask_secrets(reason)}"
        if not self._client.closing.is_set():
            logger.warning("{}", self.failure)


class _Part(HttpBody):
    """A segment or another part of a stream. A segment that breaks counts as lost."""

    def __init__(
        self,
        client: HttpClient,
        url: str,
        playlists: PlaylistReader,
        segment: Segment | None,
        first: int,
        end: int | None,
        retry: Retry,
    ) -> None:
        super().__init__(client, url, first=first, end=end, retry=retry)
        self._playlists, self._segment = playlists, segment

    def close(self) -> None:
        super().close()
        if self.failure is not None and self._segment is not None:
            self._playlists.lose(self._segment)
            self._segment = None
