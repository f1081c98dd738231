"""Reads a source on a thread."""

import threading

from inspector.core.errors import SourceLost
from inspector.core.types import BadFrame, Frame
from inspector.service.source_view import SourceView


class Reader(threading.Thread):
    """Reads a view to its end. error: what read() raised."""

    def __init__(self, view: SourceView) -> None:
        super().__init__(daemon=True)
        self.view, self.items = view, list[Frame | BadFrame]()
        self.error: SourceLost | None = None
        self.start()

    def run(self) -> None:
        try:
            while (item := self.view.read()) is not None:
                self.items.append(item)
        except SourceLost as exc:
            self.error = exc

    def finish(self) -> "Reader":
        self.join(20)
        assert not self.is_alive()
        return self
