"""Writes less while the disk is nearly full, so that the inspection goes on."""

import errno
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

from loguru import logger

from inspector.core.clock import now_ns
from inspector.core.errors import SinkError
from inspector.core.events import Event, HealthChanged
from inspector.core.file_hash import FileState
from inspector.core.protocols import CompletingSink, HashedSink, Picture, Sink
from inspector.core.types import Inspection, RunInfo, Verdict
from inspector.outputs.options import DiskOptions

T = TypeVar("T")

ALL: Final = 0
LESS: Final = 1
VERDICTS: Final = 2
"""Levels: everything is written; no video, no pictures of defects, no PASS frames; only verdicts,
that is logs and tables."""

CONDITIONS: Final = {LESS: "disk_low", VERDICTS: "disk_full"}
"""Level -> condition of the `health` lines of the log."""

MORE: Final = 1.1
"""A level ends when this multiple of its limit is free, so that it does not change each second."""

PERIOD_NS: Final = 1_000_000_000
HOLD_NS: Final = 60 * PERIOD_NS
"""Time without another try after the disk refused a write. The free bytes can be wrong then, for
example because of a quota."""

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_WRITTEN_UNTIL: Final = {"snapshots": LESS, "originals": LESS}
"""Name of a sink -> highest level at which it writes; ALL for the others."""
_ONLY_FAILURES: Final = "originals"
"""At LESS this sink gets FAIL and ERROR frames only."""


def free_bytes(folder: Path) -> int:
    """Free bytes of the disk of a folder. Raises OSError."""
    return shutil.disk_usage(folder).free


class DiskGuard:
    """Decides how much a run writes, by the free bytes of the disk of its folder.

    It is an event stage: it measures at most once per second, before the sinks get a frame, and
    emits a `health` event when a level begins or ends. A level holds from this frame on. level:
    ALL, LESS or VERDICTS. free_bytes: at the last measurement; None before. free: folder ->
    free bytes; None for free_bytes.
    """

    name = "disk guard"

    def __init__(
        self,
        folder: Path,
        options: DiskOptions,
        *,
        free: Callable[[Path], int] | None = None,
        clock_ns: Callable[[], int] = now_ns,
    ) -> None:
        self.level = ALL
        self.free_bytes: int | None = None
        self._folder = folder
        limits = {LESS: options.less_below_gb, VERDICTS: options.verdicts_below_gb}
        self._limits = {n: int(gb * 1e9) for n, gb in limits.items() if gb is not None}
        self._free = free or free_bytes
        self._clock_ns = clock_ns
        self._next_ns = 0
        self._refused: dict[int, int] = {}
        """Level -> time at which it may end, after the disk refused a write."""
        self._announced = ALL
        self._frames: Counter[int] = Counter()
        self._sinks: list[GuardedSink] = []

    def wrap(self, sink: Sink) -> "GuardedSink":
        """A sink that leaves out what the level does not allow."""
        cls = GuardedCompletingSink if isinstance(sink, CompletingSink) else GuardedSink
        self._sinks.append(cls(sink, self))
        return self._sinks[-1]

    def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
        now = self._clock_ns()
        if now >= self._next_ns:
            self._next_ns = now + PERIOD_NS
            self._measure(now)
        self._frames[self.level] += 1
        if self.level == self._announced:
            return inspection, ()
        return inspection, self._events(inspection)

    def flush(self) -> Sequence[Event]:
        return ()

    def refuse(self, sink: Sink, highest: int, error: SinkError) -> None:
        """Raises the level, because the disk refused a write. highest: level at which the sink
        would still write."""
        self._refused[highest + 1] = self._clock_ns() + HOLD_NS
        self._change(max(self.level, highest + 1), f"{sink.name}: {error}")

    def summary(self) -> dict[str, Any]:
        """For summary.json: number of frames at each level, and for each output the frames that it
        did not get."""
        return {
            "frames_at_less": self._frames[LESS],
            "frames_at_only_verdicts": self._frames[VERDICTS],
            "left_out": {sink.name: sink.left_out for sink in self._sinks},
        }

    def _measure(self, now: int) -> None:
        try:
            self.free_bytes = free = self._free(self._folder)
        except OSError:
            return  # The sink of the folder notices that it is gone.
        # A copy, because a sink in the background may be refused at the same time.
        levels = [level for level, until_ns in list(self._refused.items()) if now < until_ns]
        for level, limit in self._limits.items():
            bound = limit * MORE if self.level >= level else limit
            levels += [level] if free < bound else []
        self._change(max(levels, default=ALL), f"{free / 1e6:.0f} MB are free")

    def _change(self, level: int, reason: str) -> None:
        if level == self.level:
            return
        self.level = level
        log = logger.warning if level else logger.info
        log("{}: {}; {}", self._folder, reason, TEXTS[level])

    def _events(self, inspection: Inspection) -> list[Event]:
        """The conditions that begin or end with this frame."""
        before, self._announced = self._announced, self.level
        frame = inspection.frame
        value = None if self.free_bytes is None else self.free_bytes / 1e6
        return [
            HealthChanged(
                wall_time_utc=frame.wall_time_utc,
                frame_id=frame.frame_id,
                captured_ns=frame.captured_ns,
                condition=CONDITIONS[level],
                state="begin" if self.level > before else "end",
                message=TEXTS[self.level],
                value=value,
                limit=self._limits[level] / 1e6 if level in self._limits else None,
            )
            for level in range(min(before, self.level) + 1, max(before, self.level) + 1)
        ]


TEXTS: Final = {
    ALL: "everything is written again",
    LESS: "no video, no pictures of defects and no PASS frames are written until there is more "
    "space; the inspection goes on",
    VERDICTS: "only logs and tables are written until there is more space; the inspection goes on",
}


@runtime_checkable
class InterruptibleSink(Protocol):
    """A sink that must end a file before it leaves out frames. Optional for a sink."""

    def interrupt(self) -> None:
        """May be called again without a write() in between. Raises SinkError."""
        ...


class GuardedSink:
    """Passes to a sink what the level allows, and goes on when there is space again.

    A disk that is full is no failure of the sink, other errors are. The sink is opened when it gets
    its first frame. left_out: number of frames that it did not get, or could not write.
    """

    def __init__(self, sink: Sink, guard: DiskGuard) -> None:
        self.name = sink.name
        self.left_out = 0
        self._sink = sink
        self._guard = guard
        self._highest = _WRITTEN_UNTIL.get(sink.name, ALL)
        self._run: RunInfo | None = None
        self._opened = False

    def open(self, run: RunInfo) -> None:
        self._run = run

    def write(self, inspection: Inspection, picture: Picture) -> None:
        if not self._allows(inspection):
            self.left_out += 1
            self._interrupt()
        elif not self._attempt(partial(self._sink.write, inspection, picture)):
            self.left_out += 1

    def take_states(self) -> Mapping[Path, FileState | None]:
        return self._sink.take_states() if isinstance(self._sink, HashedSink) else {}

    def close(self) -> None:
        if self._opened:
            self._attempt(self._sink.close)

    def _allows(self, inspection: Inspection) -> bool:
        level = self._guard.level
        passes = inspection.verdict is Verdict.PASS
        if level == LESS and passes and self.name == _ONLY_FAILURES:
            return False
        return level <= self._highest

    def _interrupt(self) -> None:
        if self._opened and isinstance(self._sink, InterruptibleSink):
            self._attempt(self._sink.interrupt)

    def _attempt(self, action: Callable[[], object]) -> bool:
        """Returns False if the disk is full. Raises SinkError for another failure."""
        try:
            if not self._opened and self._run is not None:
                self._sink.open(self._run)
                self._opened = True
            action()
        except SinkError as exc:
            if not is_full(exc):
                raise
            self._guard.refuse(self._sink, self._highest, exc)
            return False
        return True


class GuardedCompletingSink(GuardedSink):
    """The same for a sink that completes inspections and events before they are written."""

    def __init__(self, sink: Sink, guard: DiskGuard) -> None:
        super().__init__(sink, guard)
        assert isinstance(sink, CompletingSink)
        self._completing: CompletingSink = sink

    @property
    def warnings(self) -> list[str]:
        return self._completing.warnings

    def complete(self, inspection: Inspection) -> Inspection:
        return self._complete(self._completing.complete, inspection)

    def complete_event(self, event: Event) -> Event:
        return self._complete(self._completing.complete_event, event)

    def _complete(self, complete: Callable[[T], T], item: T) -> T:
        results: list[T] = []
        if self._guard.level <= self._highest:
            self._attempt(lambda: results.append(complete(item)))
        return results[0] if results else item


def is_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__
    return False
