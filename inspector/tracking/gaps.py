"""The places where the motion was unknown, and how many defects may be counted twice there."""

from dataclasses import dataclass
from typing import Final

MOST_GAPS: Final = 200
"""Gaps that are listed. More are only counted."""


@dataclass(slots=True)
class Gap:
    """A place where the motion was unknown, so that a defect may have been counted twice.

    before: defects that may be seen again after the gap. after: defects that appeared so soon after
    the gap that they may be among them. limit: web position up to which they count. place: web
    position at which the first frame after the gap begins.
    """

    last_frame_id: int
    first_frame_id: int
    before: int
    limit: float
    place: float
    after: int = 0

    @property
    def doubled(self) -> int:
        """Largest number of defects that are counted twice."""
        return min(self.before, self.after)


class Gaps:
    """The newest gaps, and the sums over all."""

    def __init__(self) -> None:
        self.newest: list[Gap] = []
        self.count = 0
        self._doubled = 0

    @property
    def most_doubled(self) -> int:
        """Largest number of defects that may be counted twice because of gaps."""
        return self._doubled + sum(gap.doubled for gap in self.newest)

    def add(self, gap: Gap, view_low: float) -> None:
        """view_low: lowest web position in the frame before the gap. If the gap before this one is
        still in reach, its defects may also be seen again."""
        if self.newest and view_low <= self.newest[-1].limit:
            gap.before += self.newest[-1].before
        self.newest.append(gap)
        self.count += 1
        if len(self.newest) > MOST_GAPS:
            self._doubled += self.newest.pop(0).doubled

    def note_new_track(self, low: float) -> None:
        """low: lowest web position of a track that begins."""
        if self.newest and low <= self.newest[-1].limit:
            self.newest[-1].after += 1
