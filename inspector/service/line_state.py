"""The state of a line, for the web view and others."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from inspector.machine.controls import TriggerMessage
from inspector.render.side_by_side import RenderedPicture
from inspector.triggers.gate import TriggerAnswer


@dataclass(frozen=True, slots=True)
class DiskState:
    """free_mb: on the disk of the results. level: 0 (enough), 1 (less is stored) or 2 (only
    verdicts are stored)."""

    free_mb: float
    level: int


@dataclass(frozen=True, slots=True)
class SourceState:
    """One source in the current run; while the line is stopped, in the last one.

    state: opening, running, reconnecting, ended, failed or stopped. error: why it failed.
    condition: sentence while the pictures are not fit to be judged, or soon will not be.
    conditions: the names of the conditions (docs/camera-health.md). Counts: as in summary.json;
    missing is known at the end. last_*: of the last inspection; None before the first.
    last_captured_ns: monotonic. engine: path of its file; None for the fake engine. run_id, folder:
    of the run. dropped_by_cause: frames by cause, as in summary.json. recipe: that it uses.
    """

    name: str
    state: str
    error: str | None
    condition: str | None
    captured: int
    inspected: int
    dropped: int
    errored: int
    passed: int
    failed: int
    missing: int
    frames_per_s: float
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    last_frame_id: int | None
    last_verdict: str | None
    last_captured_ns: int | None
    image_threshold: float
    pixel_threshold: float
    engine: str | None
    run_id: str | None
    folder: Path | None
    recipe: str | None
    conditions: tuple[str, ...] = ()
    dropped_by_cause: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NextSource:
    """What a stopped line will use for a source. engine: name of its file; None for the fake
    engine. Thresholds: None for those of the engine."""

    name: str
    engine: str | None
    image_threshold: float | None
    pixel_threshold: float | None


@dataclass(frozen=True, slots=True)
class NextStart:
    """What a stopped line will use when somebody starts it. recipe: as text, with those of sources
    that use another one. error: why it cannot start; there are no sources then."""

    recipe: str | None
    sources: tuple[NextSource, ...]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RefitState:
    """The refit that works, or the last one. engine: path of its file. text: what it does now; its
    result when it has ended."""

    engine: str
    began_utc: str
    is_working: bool
    text: str


@dataclass(frozen=True, slots=True)
class CheckState:
    """One routine check. kind: folder, recipe or part_id. state: idle, waiting (people have to do
    something) or running. task: what people have to do now, as a sentence. next_utc: when it is due
    by the wall clock; in the past if it is due now; None: only on request. last_*: of its last
    result; None if there is none."""

    name: str
    kind: str
    state: str
    task: str | None
    next_utc: str | None
    last_utc: str | None
    last_passed: bool | None
    last_text: str | None


@dataclass(frozen=True, slots=True)
class LineState:
    """state: starting, running, changing (the next session opens while this one inspects), stopped
    or ended. since_utc: of the state. message: the last thing that happened, as a sentence. recipe:
    that of the line; a source may use another one. mode: open or locked. release_locked: an alarm
    is open that forbids to release products. disk: None if it is not known. triggers: what happened
    with messages from outside -> their number since the program started. next_start: None while the
    line inspects. refit: None if this process has made none."""

    state: str
    since_utc: str
    message: str | None
    recipe: str | None
    recipes: tuple[str, ...]
    mode: str
    release_locked: bool
    disk: DiskState | None
    sources: tuple[SourceState, ...]
    version: str | None
    checks: tuple[CheckState, ...] = ()
    triggers: Mapping[str, int] = field(default_factory=dict)
    next_start: NextStart | None = None
    refit: RefitState | None = None


class Watch(Protocol):
    """What a viewer of one source sees."""

    def latest(self) -> tuple[int, RenderedPicture] | None:
        """The newest picture, and a number that differs for each picture; None if there is none
        yet. The picture is not drawn. Draw its inspection with another renderer than that of the
        run: the outputs of the run use the canvas of its renderer."""
        ...


class LineView(Protocol):
    """What a viewer sees of a line. Any thread may call the methods."""

    def state(self) -> LineState: ...

    def watch(self, source: str) -> AbstractContextManager[Watch]:
        """Shows a source from now on until the end of the block. Raises KeyError."""
        ...

    def receive_trigger(self, message: TriggerMessage, who: str) -> TriggerAnswer:
        """Announces a part. The same message may come twice. who: sent it, for the log."""
        ...


def describe(state: LineState) -> str:
    """The state in some lines."""
    recipe = describe_recipes(state)
    recipe = "" if recipe is None else f", recipe {recipe}"
    lines = [f"{state.state} since {state.since_utc}{recipe}: {state.message or 'no message'}"]
    if state.release_locked:
        lines.append("the release of products is locked until an alarm is acknowledged")
    lines += [
        f"{source.name}: {source.state}, captured {source.captured} = inspected "
        f"{source.inspected} + dropped {source.dropped} + errored {source.errored}; "
        f"{source.failed} failed; thresholds {source.image_threshold:g} and "
        f"{source.pixel_threshold:g}{_describe_problem(source)}"
        for source in state.sources
    ]
    lines += [_describe_check(check) for check in state.checks]
    if state.next_start is not None:
        lines.append(describe_next_start(state.next_start))
    return "\n".join(lines)


def describe_next_start(start: NextStart) -> str:
    """What the next start uses, in one line."""
    if start.error is not None:
        return f"the next start cannot work: {start.error}"
    recipe = "" if start.recipe is None else f" the recipe {start.recipe};"
    sources = "; ".join(
        f"{source.name}: image threshold {_threshold(source.image_threshold)}, pixel threshold "
        f"{_threshold(source.pixel_threshold)}, {source.engine or 'the fake engine'}"
        for source in start.sources
    )
    return f"the next start uses{recipe} {sources}"


def _threshold(value: float | None) -> str:
    return "of the engine" if value is None else f"{value:g}"


def describe_recipes(state: LineState) -> str | None:
    """The recipe of the line, and those of sources that use another one."""
    return name_recipes(state.recipe, {source.name: source.recipe for source in state.sources})


def name_recipes(recipe: str | None, of_sources: Mapping[str, str | None]) -> str | None:
    """recipe: of the line. of_sources: name of a source -> the recipe that it uses."""
    others = [f"{name}: {other or 'none'}" for name, other in of_sources.items() if other != recipe]
    return f"{recipe or 'none'} ({', '.join(others)})" if others else recipe


def _describe_check(check: CheckState) -> str:
    last = "never done"
    if check.last_utc is not None:
        last = f"{'passed' if check.last_passed else 'missed'} at {check.last_utc}"
        last += f" ({check.last_text})"
    due = "on request" if check.next_utc is None else f"next at {check.next_utc}"
    return f"check {check.name}: {check.task or check.state}; {due}; {last}"


def _describe_problem(source: SourceState) -> str:
    problem = source.error or source.condition
    return "" if problem is None else f"; {problem}"
