"""Connects to the place of a network source, over HTTP or with the protocols of FFmpeg."""

from dataclasses import dataclass
from threading import Event
from typing import Any

import av

from inspector.core.errors import SourceError
from inspector.core.secrets import mask_secrets, mask_uri
from inspector.sources.decoders import open_container
from inspector.sources.decoding import check_pixels, video_stream
from inspector.sources.http_body import Retry
from inspector.sources.http_client import HttpClient
from inspector.sources.http_inputs import HttpInputs
from inspector.sources.options import NetworkOptions
from inspector.sources.playlists import PlaylistReader
from inspector.sources.replay import PacketHistory

# FFmpeg analyses a new stream for 5 s by default. It keeps the packets that it reads meanwhile.
_ANALYZE_US = 1_000_000
# A file whose server stays away for longer ends, if source.reconnect.give_up_s is null.
_FILE_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Opened:
    """An open container.

    inputs, client: None if FFmpeg itself reads from the network. finite: it has a known end, and
    nothing of it gets lost while nobody reads. playlist: its segments wait on a server.
    """

    container: Any
    stream: av.VideoStream
    client: HttpClient | None
    inputs: HttpInputs | None
    finite: bool
    playlist: bool


class Place:
    """Where a source is, and what is known about it over all connections."""

    def __init__(self, url: str, options: NetworkOptions) -> None:
        self.url = url
        self.name = mask_uri(url)
        self.options = options
        self.playlists = PlaylistReader()
        self.history = PacketHistory()
        self._client: HttpClient | None = None

    def open(self, closing: Event) -> Opened:
        """Connects and finds the video stream. Raises SourceError."""
        http = self.url.lower().startswith(("http://", "https://"))
        opened = self._open_http(closing) if http else None
        return opened or self._open_other()

    def abort(self) -> None:
        """Ends a wait for the server in another thread."""
        if self._client is not None:
            self._client.closing.set()
            self._client.abort()

    def error(self, reason: str) -> SourceError:
        return SourceError(f"{self.name} cannot be opened: {reason}")

    def _open_http(self, closing: Event) -> Opened | None:
        """None for an encrypted playlist, which only FFmpeg can read."""
        options = self.options
        try:
            client = self._client = HttpClient(
                self.url,
                open_timeout_s=options.open_timeout_s,
                read_timeout_s=options.read_timeout_s,
                tls_verify=options.tls_verify,
                closing=closing,
            )
        except ValueError as exc:
            raise self.error(f"the address is wrong: {exc}") from exc
        client.limit_opening()
        try:
            inputs = HttpInputs(client, self.playlists, self._retry)
            if inputs.main.failure is not None:
                raise SourceError(inputs.main.failure)
        except SourceError as exc:
            raise self.error(str(exc)) from exc
        try:
            timeouts = (10 * options.open_timeout_s, self.silence_s)
            analyze = {"analyzeduration": str(_ANALYZE_US)}
            container = inputs.open_container(analyze, timeouts, options.decoder)
        except av.FFmpegError as exc:
            if inputs.encrypted:
                return None
            raise self.error(self._explain(exc, inputs)) from exc
        return self._describe(container, client, inputs)

    def _explain(self, exc: av.FFmpegError, inputs: HttpInputs) -> str:
        if reason := inputs.main.failure or inputs.failure:
            return reason
        if inputs.is_playlist and not self.playlists.target_s:
            return "the playlist names no segments"
        reason = mask_secrets(exc.strerror or str(exc), self.url)
        return f"{reason} (the server sends {inputs.main.content_type})"

    def _open_other(self) -> Opened:
        timeouts = (self.options.open_timeout_s, self.options.read_timeout_s)
        options = {"analyzeduration": str(_ANALYZE_US)}
        if self.url.lower().startswith("rtsp"):
            options["rtsp_transport"] = self.options.rtsp_transport
        try:
            container = open_container(
                self.url, self.options.decoder, options=options, timeout=timeouts
            )
        except av.FFmpegError as exc:
            raise self.error(explain_ffmpeg(exc, self.url, timeouts[0])) from exc
        return self._describe(container, None, None)

    def _describe(
        self, container: Any, client: HttpClient | None, inputs: HttpInputs | None
    ) -> Opened:
        try:
            stream = video_stream(container, self.name)
            check_pixels(stream, self.name, self.options.max_pixels)
        except SourceError:
            container.close()
            raise
        playlist = inputs is not None and inputs.is_playlist
        finite = False
        if playlist:
            finite = self.playlists.complete
        elif inputs is not None and container.format.name != "mpjpeg":
            finite = inputs.main.length is not None or bool(container.duration)
        if inputs is not None:
            inputs.main.resumes = finite
        return Opened(container, stream, client, inputs, finite, playlist)

    @property
    def _retry(self) -> Retry:
        backoff = self.options.reconnect
        return Retry(backoff.give_up_s or _FILE_PATIENCE_S, backoff.first_s)

    @property
    def silence_s(self) -> float:
        """A live stream without a picture for longer is lost. A segment may take its time."""
        return self.options.read_timeout_s + 3 * self.playlists.target_s


def explain_ffmpeg(exc: av.FFmpegError, url: str, limit_s: float) -> str:
    """The reason of an error in a few words, without passwords."""
    if isinstance(exc, av.error.ExitError):
        return f"no answer in {limit_s:g} s"
    return mask_secrets(exc.strerror or str(exc), url)
