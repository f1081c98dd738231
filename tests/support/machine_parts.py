"""Boards, clocks, verdicts and a recording output for the tests of state outputs."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from output_parts import UTC, run_info
from waiting import wait_for

from inspector.core.decisions import VerdictState
from inspector.core.events import Part, VerdictEvent
from inspector.core.types import Cause, RunInfo, Verdict
from inspector.machine.board import StateBoard
from inspector.machine.controls import Controls, SourceCounts, TriggerMessage
from inspector.machine.kinds import StateOptions
from inspector.machine.state import StationState

Process = subprocess.Popen[bytes]
MS = 1_000_000


class ManualClock:
    """Monotonic time in ms that a test sets."""

    def __init__(self) -> None:
        self.ms = 1000.0

    def __call__(self) -> int:
        return round(self.ms * MS)


def verdict_event(
    verdict: Verdict | None = Verdict.PASS,
    *,
    captured_ms: float = 1000.0,
    cause: Cause | None = None,
    frame_id: int = 0,
) -> VerdictEvent:
    """verdict: None for a pending one."""
    captured_ns = round(captured_ms * MS)
    return VerdictEvent(
        frame_id=frame_id,
        verdict=verdict,
        score=1.0,
        image_threshold=2.0,
        error=None if cause is None else "it cannot be used",
        cause=cause,
        pts_s=None,
        captured_ns=captured_ns,
        judged_ns=captured_ns,
        wall_time_utc=UTC,
        state=VerdictState.PENDING if verdict is None else VerdictState.FINAL,
    )


def part_event(
    part_id: str = "p1",
    verdict: Verdict = Verdict.PASS,
    *,
    captured_ms: float | None = 1000.0,
    cause: str | None = None,
    sources: Sequence[str] = ("main",),
) -> Part:
    return Part(
        wall_time_utc=UTC,
        part_id=part_id,
        verdict=verdict,
        rule="any",
        sources=tuple(sources),
        cause=cause,
        error=None if cause is None else "it cannot be used",
        first_frame_id=0,
        last_frame_id=0,
        frames=1,
        frames_failed=0,
        frames_errored=0,
        frames_dropped=0,
        defects=0,
        sightings=0,
        score=1.0,
        worst_frame_id=0,
        views=(),
        newest_captured_ns=None if captured_ms is None else round(captured_ms * MS),
    )


def run_of(source: str = "main", *, check: str | None = None, run_id: str = "r1") -> RunInfo:
    return replace(run_info(), source_name=source, check=check, run_id=run_id, recipe_id="glass")


def ready_board(
    clock: Callable[[], int] = time.monotonic_ns,
    *,
    stations: Sequence[str] = ("main",),
    expiry_ms: float = 100.0,
) -> StateBoard:
    board = StateBoard(stations, round(expiry_ms * MS), clock)
    for name in stations:
        board.see_ready(name, True)
    return board


def now_ms() -> float:
    return time.monotonic_ns() / MS


def pass_now(board: StateBoard) -> None:
    """Shows a PASS of this moment at the station main."""
    board.see_verdict("main", verdict_event(captured_ms=now_ms()), run_of())


class NoControls:
    """Controls of a process without a run."""

    def trigger(self, message: TriggerMessage, who: str) -> None:
        raise ValueError("there is no run")

    def counts(self) -> Sequence[SourceCounts]:
        return ()


class RecordingOutput:
    """A kind of state output. made: all of them. shown: the states after each verdict and part."""

    Options: ClassVar[type[StateOptions]] = StateOptions
    made: ClassVar[list["RecordingOutput"]] = []

    def __init__(
        self, options: StateOptions, board: StateBoard, key: str, controls: Controls
    ) -> None:
        self.board, self.key, self.controls = board, key, controls
        self.is_stopped = False
        self.shown: list[StationState] = []
        board.see_verdict = self._record(board.see_verdict)  # type: ignore[method-assign]
        board.see_part = self._record(board.see_part)  # type: ignore[method-assign]
        self.made.append(self)

    def _record(self, see: Callable[..., None]) -> Callable[..., None]:
        def see_and_record(*arguments: Any) -> None:
            see(*arguments)
            self.shown.extend(self.board.states().values())

        return see_and_record

    def state(self, station: str = "main") -> StationState:
        return self.board.states()[station]

    def stop(self) -> None:
        self.is_stopped = True


def append_signal(path: Path) -> list[str]:
    """A command that appends each signal, and the time in ns since 1970, to a file."""
    return ["sh", "-c", f'echo "$0 $(date +%s%N)" >> {json.dumps(str(path))}']


def read_signals(path: Path) -> list[str]:
    """The signals that append_signal wrote, in order."""
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


@contextmanager
def inspecting(entry: dict[str, Any], is_passing: Callable[[], bool]) -> Iterator[Process]:
    """A process that shows PASS again and again at the output of this entry. The block begins when
    is_passing returns True."""
    script = Path(__file__).with_name("state_process.py")
    argv = [sys.executable, str(script), json.dumps(entry)]
    process = subprocess.Popen(argv, cwd=script.parents[2])
    try:
        wait_for(is_passing, 60)
        yield process
    finally:
        process.kill()
        process.wait()
