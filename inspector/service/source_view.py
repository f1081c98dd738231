"""The part of an open source that one run reads."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from inspector.core.clock import now_ns
from inspector.core.protocols import (
    BufferedSource,
    CountsMissing,
    HasFiles,
    NamesFrames,
    ReportsConnection,
    SoftwareTrigger,
    Source,
)
from inspector.core.types import BadFrame, Frame, SourceInfo

Item = Frame | BadFrame
Lost = tuple[int, Mapping[str, int]]
"""Frames that a source dropped, and those that never reached it, by cause."""


class SourceOwner(Protocol):
    """Gives items to the views of a source."""

    def read(self, view: "SourceView") -> Item | None: ...

    def close_view(self, view: "SourceView") -> None: ...


class SourceView:
    """The part of a source that one run reads. It is a source for the pipeline.

    Its frames are numbered from 0, and its counts begin at 0. The times of its frames are those of
    the source. Only the first view knows the length of a file and has its sound.

    began_s: monotonic time from which on it gets all frames; None before. begin(), end() and
    number() are called by the SharedSource, with its lock.
    """

    def __init__(self, owner: SourceOwner, source: Source, *, is_first: bool) -> None:
        self._owner = owner
        self._source = source
        self._is_first = is_first
        self.has_turn = False
        self.has_passed = False
        self.is_closed = False
        self.began_s: float | None = None
        self._first_id = 0
        self._from: Lost | None = None
        self._until: Lost | None = None

    @property
    def info(self) -> SourceInfo:
        if self._is_first:
            return self._source.info
        return replace(self._source.info, frame_count=None, duration_s=None, path=None)

    @property
    def files(self) -> Sequence[Path]:
        return self._source.files if isinstance(self._source, HasFiles) else ()

    @property
    def buffered(self) -> bool:
        return isinstance(self._source, BufferedSource) and self._source.buffered

    @property
    def dropped(self) -> int:
        if self._from is None:
            return 0
        return (self._until or self.count_lost())[0] - self._from[0]

    @property
    def connected(self) -> bool:
        return not isinstance(self._source, ReportsConnection) or self._source.connected

    def missing(self) -> Mapping[str, int]:
        if self._from is None:
            return {}
        before, now = self._from[1], (self._until or self.count_lost())[1]
        counts = {cause: count - before.get(cause, 0) for cause, count in now.items()}
        return {cause: count for cause, count in counts.items() if count > 0}

    def fire(self) -> None:
        if isinstance(self._source, SoftwareTrigger):
            self._source.fire()

    def read(self) -> Item | None:
        return self._owner.read(self)

    def close(self) -> None:
        self._owner.close_view(self)

    def begin(self, delivered: int, lost: Lost) -> None:
        """delivered: number of items that the views before got. lost: see count_lost(); the view
        before ends with the same counts, so that each lost frame is in exactly one view."""
        self.began_s = now_ns() / 1e9
        self._from = lost
        self._first_id = delivered + self._from[0]

    def end(self, lost: Lost) -> None:
        self._until = lost
        self.has_passed = True

    def number(self, item: Item) -> Item:
        # A frame that the source dropped at the hand-over can have a higher number than this one.
        self._first_id = min(self._first_id, item.frame_id)
        if self._first_id == 0:
            return item
        return replace(item, frame_id=item.frame_id - self._first_id)

    def count_lost(self) -> Lost:
        """Since the source was opened."""
        source = self._source
        dropped = source.dropped if isinstance(source, BufferedSource) else 0
        return dropped, dict(source.missing()) if isinstance(source, CountsMissing) else {}


class NamedView(SourceView):
    """A view of a source that knows the names of its frames."""

    @property
    def names(self) -> Sequence[str]:
        """Of the frames from the first one of this view."""
        assert isinstance(self._source, NamesFrames)
        return self._source.names[self._first_id :]

    @property
    def earlier_names(self) -> Sequence[str]:
        """Of the frames of the views before."""
        assert isinstance(self._source, NamesFrames)
        return self._source.names[: self._first_id]
