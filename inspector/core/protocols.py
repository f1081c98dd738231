"""What the pipeline asks of a source, a picture, a sink and a stage that makes events."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from inspector.core.arrays import Image
from inspector.core.events import Event, VerdictEvent
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


@runtime_checkable
class CountsMissing(Protocol):
    """A source that knows which frames never reached it; other sources need no code."""

    def missing(self) -> Mapping[str, int]:
        """Cause -> frames, such as {"truncated": 77}. Asked when the run has ended."""
        ...


class Picture(Protocol):
    """The rendered view of one inspection, drawn when first asked for and then kept."""

    def i420(self) -> Image:
        """(H * 3 / 2, W) uint8: Y plane, then U and V at half size; H and W even."""
        ...

    def bgr(self) -> Image:
        """(H, W, 3) uint8 BGR."""
        ...


class EventStage(Protocol):
    """Sees every inspection in order and remembers. Called from one thread only."""

    name: str

    def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
        """The inspection for the sinks, and what ended or changed with it. The inspection may get
        other values in its defects; its verdict has left already and must stay."""
        ...

    def flush(self) -> Sequence[Event]:
        """What was still open when the last inspection had been seen."""
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


@runtime_checkable
class EventSink(Protocol):
    """A sink that also takes events; other sinks need no code."""

    def write_event(self, event: Event) -> None:
        """Called between two write(), on the same thread. Raises SinkError."""
        ...


@runtime_checkable
class VerdictSink(Protocol):
    """A sink that also takes verdicts before the defects are measured and anything is written;
    other sinks need no code."""

    def announce(self, verdict: VerdictEvent) -> None:
        """Called in order, for every frame, on another thread than write(). It must return at
        once: the inspection of the next frame waits. What it raises ends the run.

        An announced frame has no lines in the log where the run is aborted before they are written.
        """
        ...
