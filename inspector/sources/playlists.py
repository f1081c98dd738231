"""Reads HLS playlists (RFC 8216) and records which of their segments were read."""

import re
from collections import deque
from dataclasses import dataclass
from urllib.parse import urljoin

START = b"#EXTM3U"
"""First bytes of a playlist."""

_ATTRIBUTE = re.compile(r"#EXT-X-([A-Z-]+):?(.*)")


@dataclass(frozen=True, slots=True)
class Segment:
    """number: media sequence number. first: its first byte within the file."""

    url: str
    number: int
    first: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class Playlist:
    """complete: no further segments will follow. target_s: longest duration of a segment."""

    segments: tuple[Segment, ...] = ()
    complete: bool = False
    target_s: float = 0.0

    @property
    def duration_s(self) -> float:
        return sum(segment.duration_s for segment in self.segments)


def parse_playlist(text: str, url: str) -> Playlist:
    """url: address of the playlist. A playlist of playlists has no segments."""
    segments: list[Segment] = []
    number, first, next_first, duration_s, target_s = 0, 0, 0, 0.0, 0.0
    complete = False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("#EXTINF:"):
            duration_s = _number(line[8:].partition(",")[0])
        elif match := _ATTRIBUTE.fullmatch(line):
            name, value = match[1], match[2]
            if name == "MEDIA-SEQUENCE":
                number = int(_number(value))
            elif name == "TARGETDURATION":
                target_s = _number(value)
            elif name == "ENDLIST":
                complete = True
            elif name == "BYTERANGE":
                size, _, start = value.partition("@")
                first = int(_number(start)) if start else next_first
                next_first = first + int(_number(size))
        elif line and not line.startswith("#"):
            if target_s or duration_s:
                segments.append(Segment(urljoin(url, line), number, first, duration_s))
                number += 1
            first, duration_s = 0, 0.0
    return Playlist(tuple(segments), complete, target_s)


def _number(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0


class PlaylistReader:
    """The playlists of one stream, and how far their segments were read."""

    def __init__(self) -> None:
        self._playlists: dict[str, Playlist] = {}
        self._current: tuple[str, Segment] | None = None
        self._last_number: dict[str, int] = {}
        self._lost: deque[Segment] = deque(maxlen=64)
        self.lost_s = 0.0

    def update(self, url: str, text: str) -> None:
        self._playlists[url] = parse_playlist(text, url)

    def begin_segment(self, url: str, first: int) -> Segment | None:
        """Records that the segment is read next. None if no playlist names it.

        Segments that were left out count as lost: the server removed them before they were read.
        """
        for address, playlist in self._playlists.items():
            for segment in reversed(playlist.segments):
                if (segment.url, segment.first) == (url, first):
                    skipped = segment.number - self._last_number.get(address, segment.number) - 1
                    self.lost_s += max(0, skipped) * playlist.target_s
                    self._last_number[address] = segment.number
                    self._current = address, segment
                    return segment
        return None

    def lose(self, segment: Segment) -> None:
        """Counts a segment that cannot be read, only once if a new connection tries it again."""
        if segment not in self._lost:
            self._lost.append(segment)
            self.lost_s += segment.duration_s

    @property
    def complete(self) -> bool:
        """True if every playlist with segments is complete."""
        lists = [each for each in self._playlists.values() if each.segments or each.complete]
        return bool(lists) and all(each.complete for each in lists)

    @property
    def target_s(self) -> float:
        return max((each.target_s for each in self._playlists.values()), default=0.0)

    def is_behind(self, limit_s: float) -> bool:
        """True if more than `limit_s` of segments wait on the server, or if the server will soon
        remove the next one. One segment may always wait."""
        if self._current is None:
            return False
        address, current = self._current
        playlist = self._playlists[address]
        waiting = [each for each in playlist.segments if each.number > current.number]
        room_s = playlist.duration_s - 1.5 * playlist.target_s
        limit_s = max(playlist.target_s, min(limit_s, room_s))
        return sum(each.duration_s for each in waiting) > limit_s + 0.5
