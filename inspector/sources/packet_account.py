"""Accounts for the packets of a video file, and finds out which frames are missing."""

import sys
from dataclasses import replace
from typing import Final

import av
from loguru import logger

from inspector.sources.completeness import EarlyEnd, FileSize
from inspector.sources.decoding import frame_rate

_REORDERED: Final = 4

_COUNTED: Final = frozenset({"ivf", "mxf"})
"""Formats whose header has the exact number of frames."""

_TIMED: Final = ("avi", "matroska", "flv", "asf")
"""Formats whose header has the duration."""

_LARGEST_ELEMENT: Final = 512
"""Bytes between two packets of a Matroska file with one stream. Usual are less than 100."""

_INDEX_BASE: Final = 4096
_INDEX_ENTRY: Final = 64
"""Bytes of the index and the tags after the last packet: at most, and for each packet."""


class PacketAccount:
    """What was read of a video file, compared with what its headers announce.

    is_last_doubtful: after find_end(), whether the last packet may be incomplete without a mark.
    """

    def __init__(
        self,
        container: av.container.InputContainer,
        stream: av.VideoStream,
        size: FileSize,
        name: str,
    ) -> None:
        self._container, self._stream = container, stream
        self._size, self._name = size, name
        self._packets = self._read_bytes = self._skipped = 0
        self._has_hole = self.is_last_doubtful = False

    @property
    def unread_bytes(self) -> int:
        """Bytes after the last packet."""
        return self._size.present - self._read_bytes

    @property
    def duration_s(self) -> float | None:
        if self._stream.duration is not None:
            return float(self._stream.duration * self._stream.time_base)
        if self._container.duration is not None:
            return self._container.duration / av.time_base
        return None

    def count(self, packet: av.Packet) -> None:
        self._packets += 1
        if packet.pos is not None:
            self._read_bytes = packet.pos + packet.size

    def follows_hole(self, packet: av.Packet) -> bool:
        """Whether the demuxer left out data before the packet. FFmpeg looks for the next cluster
        of a damaged Matroska file without an error. Call this before count()."""
        if not self._packets or packet.pos is None or len(self._container.streams) > 1:
            return False
        if not self._container.format.name.startswith("matroska"):
            return False
        return packet.pos - self._read_bytes > _LARGEST_ELEMENT

    def count_hole(self, packet: av.Packet, last_pts: int | None) -> None:
        """Estimates the frames before the packet that are missing. last_pts: the latest time
        before the hole, in ticks."""
        rate, lost = frame_rate(self._stream), 0
        if rate is not None and packet.pts is not None and last_pts is not None:
            lost = round((packet.pts - last_pts) * self._stream.time_base * rate) - 1
        self._skipped += max(0, lost)
        logger.warning("{}: a part before byte {} cannot be read", self._name, packet.pos)
        self._has_hole = True

    def find_end(self, failure: str | None, last_pts: int | None) -> EarlyEnd | None:
        """Why frames are missing. None for a complete file. failure: why the rest cannot be read.
        last_pts: the latest time of all packets, in ticks."""
        end = self._find_end(failure, last_pts)
        cut_packet = self._size.cut is not None and self._container.format.name == "mpegts"
        self.is_last_doubtful = cut_packet or (end is not None and end.cause == "unreadable")
        if not self._has_hole:
            return end
        if end is None:
            reason = "is damaged: a part in its middle cannot be read"
            return EarlyEnd("unreadable", reason, self._skipped or None)
        missing = None if end.missing is None else end.missing + self._skipped
        return replace(end, missing=missing)

    def _find_end(self, failure: str | None, last_pts: int | None) -> EarlyEnd | None:
        missing = self._count_missing(last_pts)
        if failure is not None:
            if missing == 0 and self._stream.frames:
                logger.warning("{}: {} after its last frame", self._name, failure)
                return None
            reason = f"ends early: the rest cannot be read: {failure}"
            return EarlyEnd("unreadable", reason, missing)
        if self._size.cut is None:
            return self._find_unread_end(last_pts)
        if missing == 0:
            logger.warning("{}: {}, but no frame is missing", self._name, self._size.cut)
            return None
        return EarlyEnd("truncated", f"ends early: {self._size.cut}", missing)

    def _find_unread_end(self, last_pts: int | None) -> EarlyEnd | None:
        """For a file of the right size whose last part has no pictures, such as zeros after a
        power cut. FFmpeg looks there for another packet without an error."""
        form, missing = self._container.format.name, 0
        if form in _COUNTED:
            missing = self._count_announced() - self._packets
        elif form.startswith(_TIMED) and self._size.present < sys.maxsize:
            missing = self._estimate_missing(last_pts) or 0
            # A last picture that is shown for long looks like missing ones, but needs no bytes.
            usual = missing * self._read_bytes / max(1, self._packets)
            index = _INDEX_BASE + _INDEX_ENTRY * self._packets
            if self.unread_bytes < index + usual / 4:
                return None
        if missing <= 0:
            return None
        reason = "ends early: its header announces more frames than can be read"
        return EarlyEnd("unreadable", reason, missing)

    def _count_announced(self) -> int:
        rate = frame_rate(self._stream)
        return self._stream.frames or round(float(rate or 0) * (self.duration_s or 0))

    def _count_missing(self, last_pts: int | None) -> int | None:
        """Exact if the container has a table of its frames; otherwise from its duration. None if it
        has neither."""
        stream, form = self._stream, self._container.format.name
        if form.startswith("mov"):
            count = max(0, len(stream.index_entries) - self._packets)
            # Each fragment has a table. Of a table that was cut, nothing is known.
            return count or (0 if stream.frames else None)
        if stream.frames:
            return max(0, stream.frames - self._packets)
        return None if form == "mpegts" else self._estimate_missing(last_pts)

    def _estimate_missing(self, last_pts: int | None) -> int | None:
        """From the duration of the video stream. None if only the longest stream has one."""
        rate = frame_rate(self._stream)
        duration_s = _tagged_duration_s(self._stream)
        if duration_s is None and (len(self._container.streams) == 1 or self._has_duration()):
            duration_s = self.duration_s
        if rate is None or last_pts is None or duration_s is None:
            return None
        by_time = round((duration_s - float(last_pts * self._stream.time_base)) * rate) - 1
        # At a constant rate the count is exact. The latest time is not: pictures before it may be
        # missing, because the order in the file is not that of presentation.
        first_s = float((self._stream.start_time or 0) * self._stream.time_base)
        by_count = round((duration_s - first_s) * rate) - self._packets
        return max(0, by_count if by_count - by_time <= _REORDERED else by_time)

    def _has_duration(self) -> bool:
        """Whether the duration of the video stream comes from its header."""
        return self._container.format.name == "avi" and self._stream.duration is not None


def _tagged_duration_s(stream: av.VideoStream) -> float | None:
    """The tag DURATION of a Matroska track, such as 00:00:04.000000000."""
    parts = stream.metadata.get("DURATION", "").split(":")
    try:
        hours, minutes, seconds = map(float, parts)
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds
