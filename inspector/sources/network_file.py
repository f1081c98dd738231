"""Reads a video of known length over HTTP like a file: no frame is dropped."""

from collections.abc import Mapping
from dataclasses import replace

import av
from loguru import logger

from inspector.core.errors import SourceEndedEarly, SourceError
from inspector.core.protocols import CountsMissing
from inspector.core.types import BadFrame, Frame, SourceInfo
from inspector.sources.network_place import Opened, Place
from inspector.sources.options import VideoFileOptions
from inspector.sources.video_file import VideoFileSource

_LAST = 32
_NO_PICTURE = (
    "no picture can be decoded; if it is an MP4 file and the server does not state its length, "
    "move the index to its start (ffmpeg -movflags faststart)"
)


class NetworkFile:
    """Gives every frame of an MP4, MKV, complete HLS playlist and so on, with the times in it.

    A connection that breaks is continued where it stopped. What then stays away counts as missing,
    with the cause `truncated`. Raises SourceError if there is no picture.
    """

    def __init__(self, place: Place, opened: Opened) -> None:
        options, reading = place.options, place.options.reading
        threads = options.decode_threads if isinstance(options, VideoFileOptions) else 1
        assert opened.client is not None
        assert opened.inputs is not None
        self._client, self._inputs = opened.client, opened.inputs
        self._playlists = place.playlists
        self._indexed = opened.stream.frames
        self._end_of_index = _end_of_index(opened.stream) if self._indexed else 0
        try:
            self._file = VideoFileSource(
                place.url,
                VideoFileOptions(reading.bit_depth, reading.max_pixels, decode_threads=threads),
                container=opened.container,
                length=None if opened.playlist else self._inputs.main.length,
            )
        except SourceError as exc:
            reason = self._inputs.main.failure or self._inputs.failure or _NO_PICTURE
            raise place.error(reason) from exc
        self._client.limit_reading(None)
        self._info = replace(self._file.info, path=None)
        self._count = 0

    @property
    def info(self) -> SourceInfo:
        return self._info

    def read(self) -> Frame | BadFrame | None:
        """Raises SourceEndedEarly after the last frame of a file that did not arrive completely."""
        frame, loss = None, None
        try:
            frame = self._file.read()
        except SourceEndedEarly:
            loss = self._find_loss()
            if loss is None:
                raise
        if frame is not None:
            self._count += 1
            return frame
        loss = loss or self._find_loss()
        if loss is None or self._client.closing.is_set():
            return None
        missing = sum(self.missing().values())
        if missing == 0:
            logger.warning("{}: {}, but no frame is missing", self._info.source_id, loss)
            return None
        frames = "1 frame is" if missing == 1 else f"{missing} frames are"
        raise SourceEndedEarly(f"{self._info.source_id} ends early: {loss}; {frames} missing")

    def missing(self) -> Mapping[str, int]:
        counts = dict(self._file.missing()) if isinstance(self._file, CountsMissing) else {}
        if self._find_loss() is None:
            return counts
        lost = sum(counts.values()) or self._count_lost()
        return {"truncated": lost} if lost else {}

    def _count_lost(self) -> int:
        """Exact if the file has an index, otherwise estimated from its duration and its bytes."""
        if self._indexed:
            return self._indexed - self._count
        share = self._inputs.main.received_share
        by_bytes = round(self._count / share) if share > 0 else 0
        return max(1, (self._info.frame_count or 0) - self._count, by_bytes - self._count)

    def close(self) -> None:
        self._client.closing.set()
        self._client.abort()
        self._file.close()

    def _find_loss(self) -> str | None:
        if self._inputs.main.failure is not None:
            return self._inputs.main.failure
        if self._playlists.lost_s > 0:
            return f"segments with {self._playlists.lost_s:g} s of video could not be read"
        length = self._inputs.main.length
        if length is not None and self._end_of_index > length:
            return f"the server states a length of {length} bytes, the file is longer"
        return None


def _end_of_index(stream: av.VideoStream) -> int:
    """The end of the last frames in the index of an MP4 or MOV file, in bytes. 0 without index."""
    entries = stream.index_entries
    last = [entries[i] for i in range(max(0, len(entries) - _LAST), len(entries))]
    return max((entry.pos + entry.size for entry in last), default=0)
