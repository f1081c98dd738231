"""The interfaces that the pipeline uses: source, picture, event stage and sink."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from inspector.core.arrays import Image
from inspector.core.errors import SinkError
from inspector.core.events import Event, VerdictEvent
from inspector.core.file_hash import FileState
from inspector.core.types import BadFrame, Frame, Inspection, RunInfo, SourceInfo


class Source(Protocol):
    """Gives frames until it ends. Its constructor opens it and raises SourceError."""

    @property
    def info(self) -> SourceInfo: ...

    def read(self) -> Frame | BadFrame | None:
        """The next frame, or None at the end and after close().

        Blocks while a live source is silent or reconnects. Raises SourceLost if the source gives
        up.
        """
        ...

    def close(self) -> None:
        """Ends the source. May be called twice, and from another thread while read() blocks;
        read() then returns within 2 s."""
        ...


@runtime_checkable
class CountsMissing(Protocol):
    """A source that can count the frames that never reached it. Optional for a source."""

    def missing(self) -> Mapping[str, int]:
        """Cause -> number of frames, such as {"truncated": 77}. Called when the run has ended."""
        ...


@runtime_checkable
class BufferedSource(Protocol):
    """A live source that can hold its frames until they are read. Optional for a source."""

    @property
    def buffered(self) -> bool:
        """True while the frames wait for the reader, such as on a server. The pipeline then waits
        too and drops none. May change when the source connects again."""
        ...

    @property
    def dropped(self) -> int:
        """Number of frames that the source dropped because its buffer reached its limit."""
        ...


@runtime_checkable
class HasFiles(Protocol):
    """A source that reads files of this machine. Optional for a source."""

    @property
    def files(self) -> Sequence[Path]:
        """The files, in the order in which they are read."""


@runtime_checkable
class NamesFrames(Protocol):
    """A source that knows the file name of each of its frames. Optional for a source."""

    @property
    def names(self) -> Sequence[str]:
        """Names in the order of the frames."""
        ...


@runtime_checkable
class NamesEarlierFrames(Protocol):
    """A NamesFrames of which another run got the first frames. Optional for a source."""

    @property
    def earlier_names(self) -> Sequence[str]:
        """Names of the frames before the first one of this run."""
        ...


@runtime_checkable
class BeginsLater(Protocol):
    """A source whose first frames another run may have got. Optional for a source."""

    @property
    def began_s(self) -> float | None:
        """Monotonic time from which on this run gets all frames; None before. Any thread may
        ask."""
        ...


@runtime_checkable
class ReportsConnection(Protocol):
    """A live source that can lose its connection. Optional for a source."""

    @property
    def connected(self) -> bool:
        """False while it tries to connect again. Any thread may ask."""
        ...


@runtime_checkable
class SoftwareTrigger(Protocol):
    """A live source whose camera takes a picture when the program asks for it. Optional for a
    source."""

    def fire(self) -> None:
        """Makes the camera take one picture, which read() then returns. Called on any thread, also
        on two at the same time. It must return within 0.1 s, also while the camera is away. Raises
        SourceError if the camera cannot be asked."""
        ...


class Picture(Protocol):
    """The rendered view of one inspection. It is drawn at the first call and then reused."""

    def i420(self) -> Image:
        """(H * 3 / 2, W) uint8: Y plane, then U and V at half size; H and W even."""
        ...

    def bgr(self) -> Image:
        """(H, W, 3) uint8 BGR."""
        ...


class EventStage(Protocol):
    """Gets every inspection in order and may keep a state. Called from one thread only."""

    name: str

    def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
        """Returns the inspection for the sinks, and the events that it causes.

        The stage may change the defects of the inspection. It must not change the verdict, which
        has been sent already.
        """
        ...

    def flush(self) -> Sequence[Event]:
        """Returns the events that are still open after the last inspection."""
        ...


@runtime_checkable
class TimedStage(Protocol):
    """An event stage that ends things after a time. Optional for an event stage."""

    def tick(self) -> Sequence[Event]:
        """Called about every 0.1 s while no inspection comes, on the thread of see()."""
        ...


@runtime_checkable
class NoticingStage(Protocol):
    """An event stage that uses the events of the stages before it. Optional for an event stage."""

    def notice(self, events: Sequence[Event]) -> None:
        """Called before its see() or flush(), with the events of one of those stages."""
        ...


class Sink(Protocol):
    """Takes inspections in order. Called from one thread only."""

    name: str

    def open(self, run: RunInfo) -> None:
        """Called once, before the first write(). Raises SinkError."""
        ...

    def write(self, inspection: Inspection, picture: Picture) -> None:
        """Raises SinkError. Everything written before the error stays readable."""
        ...

    def close(self) -> None:
        """Completes the output. May be called twice, and without open()."""
        ...


@runtime_checkable
class WaitingSink(Protocol):
    """A sink whose close() may wait for a receiver. Optional for a sink."""

    def begin_close(self) -> None:
        """Called on all sinks before the first close(), so that all wait at the same time. May be
        called twice, and without open(). It must return at once and raise nothing."""
        ...


@runtime_checkable
class WatchingSink(Protocol):
    """A sink that can fail between two inspections. Optional for a sink."""

    def failure(self) -> SinkError | None:
        """Called several times per second, on another thread than write(). A failure ends the run.
        It must return at once."""
        ...


@runtime_checkable
class HashedSink(Protocol):
    """A sink that hashes its files while it writes them. Optional for a sink."""

    def take_states(self) -> Mapping[Path, FileState | None]:
        """Path -> state of each file that was written or removed since the last call, None for a
        removed one. A file that still grows may come every time. Called on the thread of write(),
        and once more after close(). It must read no file."""
        ...


@runtime_checkable
class EventSink(Protocol):
    """A sink that also takes events. Optional for a sink."""

    def write_event(self, event: Event) -> None:
        """Called between two calls of write(), on the same thread. Raises SinkError."""
        ...


@runtime_checkable
class CompletingSink(Protocol):
    """A sink that writes something which the lines of the other sinks name. Optional for a sink.

    warnings: sentences for the summary, filled during the run.
    """

    warnings: list[str]

    def complete(self, inspection: Inspection) -> Inspection:
        """Called before any sink writes the inspection. Raises SinkError."""
        ...

    def complete_event(self, event: Event) -> Event:
        """Called before any sink writes the event. Raises SinkError."""
        ...


@runtime_checkable
class VerdictSink(Protocol):
    """A sink that also takes verdicts as soon as they are known, before anything is written.
    Optional for a sink."""

    def announce(self, verdict: VerdictEvent) -> None:
        """Called on other threads than write(), but never twice at the same time.

        Every frame has one final verdict, in order. If it depends on sizes, a pending one comes
        before it, also in order. Machines must act on final verdicts only (verdict.state).

        It must return at once, because the next frame waits. Never called after close(). Raises
        SinkError. If the run is aborted, an announced frame may have no lines in the log.
        """
        ...
