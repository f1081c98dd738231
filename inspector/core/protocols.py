"""What the pipeline asks of a source, a picture and a sink."""

from typing import Protocol

from inspector.core.arrays import Image
from inspector.core.types import BadFrame, Frame, Inspection, RunInfo, SourceInfo


class Source(Protocol):
    """Gives frames until it ends. Opened by its constructor, which raises SourceError."""

    @property
    def info(self) -> SourceInfo: ...

    def read(self) -> Frame | BadFrame | None:
        """The next frame, or None at the end and after close().

        Blocks while a live source is silent or reconnects. Raises SourceLost when it gives up.
        """
        ...

    def close(self) -> None:
        """Ends the source; callable twice, and from another thread while read() blocks, which
        then returns within 2 s."""
        ...


class Picture(Protocol):
    """The rendered view of one inspection, drawn when first asked for and then kept."""

    def i420(self) -> Image:
        """(H * 3 / 2, W) uint8: Y plane, then U and V at half size; H and W even."""
        ...

    def bgr(self) -> Image:
        """(H, W, 3) uint8 BGR."""
        ...


class Sink(Protocol):
    """Takes inspections in order. Called from one thread only."""

    name: str

    def open(self, run: RunInfo) -> None:
        """Called once, before the first write. Raises SinkError."""
        ...

    def write(self, inspection: Inspection, picture: Picture) -> None:
        """Raises SinkError; what was written before stays readable."""
        ...

    def close(self) -> None:
        """Finishes what was written; callable twice, and without open()."""
        ...
