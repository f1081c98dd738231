"""The ids of tracks: text for the log, numbers in the program."""

from collections.abc import Mapping
from typing import Final

_FIRST: Final = -(10**9)
"""Number of the first track of an earlier run. Older tracks have lower numbers."""


class TrackIds:
    """The id of track 3 is PREFIX/d3. Tracks of an earlier run keep their ids."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._earlier: dict[int, str] = {}

    def adopt(self, earlier: Mapping[int, str]) -> None:
        """Takes over the tracks of an earlier run. earlier: number -> id."""
        self._earlier = dict(earlier)

    def text(self, number: int) -> str:
        return self._earlier.get(number) or f"{self._prefix}/d{number}"

    def is_earlier(self, number: int) -> bool:
        """Whether a track began in an earlier run."""
        return number in self._earlier

    def number(self, track_id: str | None) -> int | None:
        """The number of an id from the log of a run."""
        if track_id is None:
            return None
        prefix, _, digits = track_id.rpartition("/d")
        if prefix == self._prefix:
            return int(digits)
        for number, text in self._earlier.items():
            if text == track_id:
                return number
        number = _FIRST + len(self._earlier)
        self._earlier[number] = track_id
        return number
