"""Lets several runs read an open source one after the other, without losing a frame."""

from collections.abc import Callable, Mapping
from threading import Condition

from loguru import logger

from inspector.core.errors import ConfigError, InspectorError, SourceError
from inspector.core.protocols import NamesFrames, Source
from inspector.core.types import SourceInfo
from inspector.service.source_view import Item, NamedView, SourceView
from inspector.sources.options import SourceOptions


class SharedSource:
    """An open source that gives its frames to one view after the other.

    The reader of the current view reads the source on its thread. If it waits there while the
    source is handed over, the item that then arrives goes to the new view. So each item goes to
    exactly one view, and no frame is copied.

    changed: guards all fields; several sources share it, so that all are handed over together.
    """

    def __init__(self, source: Source, changed: Condition) -> None:
        self._source = source
        self._changed = changed
        self._current: SourceView | None = None
        self._next: SourceView | None = None
        self._split_at = 0
        self._before = 0
        self._delivered = 0
        self._reading = False
        self._slot: Item | None = None
        self._end: InspectorError | None = None
        self.has_ended = False
        self.is_closed = False

    @property
    def info(self) -> SourceInfo:
        return self._source.info

    @property
    def count(self) -> int:
        """Number of items that the current view got so far."""
        return self._delivered

    @property
    def is_handing_over(self) -> bool:
        """Whether the current view still gets the rest of a part."""
        following = self._next
        return following is not None and following.has_turn

    @property
    def can_continue(self) -> bool:
        """False if nothing more comes, although the source is live: it was closed or it failed."""
        return not (self.info.live and self._gives_nothing)

    @property
    def _gives_nothing(self) -> bool:
        return self.has_ended or self.is_closed

    def make_view(self) -> "SourceView":
        """A view for the next run. The first view is the current one at once; another view waits
        for hand_over(). It replaces a view that was not handed over. Must not be called while
        is_handing_over."""
        assert not self.is_handing_over
        make = NamedView if isinstance(self._source, NamesFrames) else SourceView
        with self._changed:
            first = self._current is None
            view = make(self, self._source, is_first=first)
            if first:
                self._current = view
                view.begin(0, view.count_lost())
            else:
                self._next = view
        return view

    def hand_over(self, at: int) -> None:
        """The view that make_view() returned last gets the items from number `at` of the current
        view on; from now on if so many were delivered. Call it with `changed` locked."""
        self._split_at = at
        if self._next is not None:
            self._next.has_turn = True
        self._promote()
        self._changed.notify_all()

    def read(self, view: "SourceView") -> Item | None:
        """The next item for this view; None at the end of the view."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._may_read(view) or self._has_left(view))
                if (item := self._take(view)) is not None:
                    return item
                if view.is_closed or view.has_passed:
                    return None
                if self._gives_nothing:
                    self._promote()
                    if self._end is not None and not self.is_closed:
                        raise self._end
                    return None
                self._reading = True
            try:
                self._read_source()
            finally:
                with self._changed:
                    self._reading = False
                    self._changed.notify_all()
            with self._changed:
                # Also if the view was closed during the read: the frame has been captured.
                if (item := self._take(view)) is not None:
                    return item

    def close_view(self, view: "SourceView") -> None:
        """Closes the source if it is the current view; otherwise only the view ends."""
        with self._changed:
            is_current = view is self._current
            view.is_closed = True
            if self._next is view:
                self._next = None
            self._changed.notify_all()
        if is_current:
            self.close()

    def close(self) -> None:
        """Ends the source and all views."""
        with self._changed:
            self.is_closed = True
            self._promote()
            self._changed.notify_all()
        self._source.close()

    def _read_source(self) -> None:
        """Reads one item into the slot, or notes the end."""
        try:
            item = self._source.read()
        except InspectorError as exc:
            self._end, self.has_ended = exc, True
            return
        if item is None:
            self.has_ended = True
        else:
            self._slot = item

    def _has_left(self, view: "SourceView") -> bool:
        """A closed view that is the current one still gets the item that another reader reads."""
        return (view.is_closed or view.has_passed) and view is not self._current

    def _may_read(self, view: "SourceView") -> bool:
        """A view that waits for its turn reads nothing, also when the source has ended."""
        return view is self._current and not self._reading

    def _take(self, view: "SourceView") -> Item | None:
        """The item in the slot, if there is one and the view is the current one."""
        item = self._slot
        if item is None or view is not self._current:
            return None
        self._slot = None
        self._delivered += 1
        item = view.number(item)
        self._promote()
        return item

    def _promote(self) -> None:
        """Makes the next view the current one, if it is its turn. The end of the source is the end
        of every view."""
        following = self._next
        is_early = self._delivered < self._split_at and not self._gives_nothing
        if following is None or not following.has_turn or is_early:
            return
        assert self._current is not None
        lost = self._current.count_lost()
        self._current.end(lost)
        self._current, self._next = following, None
        self._before += self._delivered
        self._delivered = 0
        following.begin(self._before, lost)
        self._changed.notify_all()


class SharedSources:
    """The open sources of a line. open_source: opens a source with its options."""

    def __init__(self, open_source: Callable[[SourceOptions], Source]) -> None:
        self._open_source = open_source
        self._changed = Condition()
        self._sources: dict[str, tuple[SourceOptions, SharedSource]] = {}

    def open_view(self, name: str, options: SourceOptions) -> SourceView:
        """A view of the source for the next run. Opens the source if it is not open yet.

        A live source that has failed is opened again; if this fails, the view ends at once with
        the first error. Raises ConfigError if it is open with other options, and the errors of
        opening.
        """
        entry = self._sources.get(name)
        if entry is None:
            entry = self._open(name, options)
        elif entry[0] != options:
            raise ConfigError(
                "the options of a source, and the bit depth that the engine needs, cannot change "
                "while the source is open: stop the line and start it again"
            )
        elif not entry[1].can_continue:
            try:
                entry = self._open(name, options)
            except SourceError as exc:
                logger.warning("{}", exc)
        return entry[1].make_view()

    def _open(self, name: str, options: SourceOptions) -> tuple[SourceOptions, SharedSource]:
        self._sources[name] = options, SharedSource(self._open_source(options), self._changed)
        return self._sources[name]

    @property
    def is_handing_over(self) -> bool:
        """Whether a source still gives the rest of a part to the view before. The next view can be
        opened after that."""
        return any(source.is_handing_over for _, source in self._sources.values())

    def hand_over(self, frames_of_part: Mapping[str, int] | None = None) -> None:
        """Gives all sources to the views that were opened last, between two frames.

        frames_of_part: name of a source -> number of frames of each part. These sources are handed
        over after the same number of parts, the others now.
        """
        sizes = frames_of_part or {}
        with self._changed:
            sources = {name: source for name, (_, source) in self._sources.items()}
            begun = [-(-sources[name].count // size) for name, size in sizes.items()]
            for name, source in sources.items():
                source.hand_over(max(begun) * sizes[name] if name in sizes else 0)

    def close(self) -> None:
        """Closes and forgets all sources."""
        sources, self._sources = self._sources, {}
        for _, source in sources.values():
            source.close()
