"""Remembers the last inspection of a source, and its picture while somebody watches."""

import contextlib
from collections.abc import Iterator
from threading import Lock

from inspector.core.protocols import Picture
from inspector.core.types import Inspection, Verdict
from inspector.render.side_by_side import RenderedPicture


class SourceMonitor:
    """Observes all runs of one source.

    last: number, verdict and monotonic time of capture (ns) of the last frame. The picture is only
    stored while there is a viewer, and it is never drawn here.
    """

    def __init__(self) -> None:
        self.last: tuple[int, Verdict, int] | None = None
        self._count = 0
        self._latest: tuple[int, RenderedPicture] | None = None
        self._viewers = 0
        self._lock = Lock()

    def see(self, inspection: Inspection, picture: Picture) -> None:
        """Called on the output thread of a run."""
        frame = inspection.frame
        self.last = frame.frame_id, inspection.verdict, frame.captured_ns
        self._count += 1
        self._latest = None
        if self._viewers and isinstance(picture, RenderedPicture):
            self._latest = self._count, picture

    def latest(self) -> tuple[int, RenderedPicture] | None:
        """See inspector.service.line_state.Watch."""
        return self._latest

    @contextlib.contextmanager
    def watch(self) -> Iterator["SourceMonitor"]:
        """Stores pictures during the block."""
        self._add_viewer(1)
        try:
            yield self
        finally:
            self._add_viewer(-1)

    def _add_viewer(self, count: int) -> None:
        with self._lock:
            self._viewers += count
            if not self._viewers:
                self._latest = None
