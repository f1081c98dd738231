"""Says how long a source was not inspected, because the program had ended without being asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inspector.core.clock import utc_ms
from inspector.core.events import Event, HealthChanged
from inspector.core.types import BadFrame, Frame, Inspection

CONDITION: Final = "interrupted"
"""Condition of the event `health`."""

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_SET_S: Final = 1.0
"""Larger differences of the two clocks are no drift."""


@dataclass(frozen=True, slots=True)
class LastFrame:
    """The last frame of a source in the log of a run that was interrupted.

    wall_time_utc: of its capture; of the start of the run if frame_id is None, because the run has
    no frame. captured_ns: monotonic; None without a frame. boot_id: of the machine, which differs
    after each start of it; None if unknown.
    """

    run_id: str
    frame_id: int | None
    wall_time_utc: str
    captured_ns: int | None
    boot_id: str | None


@dataclass(frozen=True, slots=True)
class Blind:
    """The time from the last frame of a run to the first frame of the next.

    seconds: None if it is not known. at_least_s: it was not shorter. note: about the clocks.
    """

    seconds: float | None
    at_least_s: float
    note: str


def measure_blind(
    last: LastFrame, wall_time_utc: str, captured_ns: int, boot_id: str | None
) -> Blind:
    """wall_time_utc, captured_ns: of the first frame after the interruption."""
    wall_s = (utc_ms(wall_time_utc) - utc_ms(last.wall_time_utc)) / 1e3
    if last.captured_ns is not None and boot_id is not None and boot_id == last.boot_id:
        seconds = (captured_ns - last.captured_ns) / 1e9
        set_s = wall_s - seconds
        changed = f"the clock of the machine was set by {set_s:+.0f} s in between"
        return Blind(seconds, seconds, changed if abs(set_s) > _SET_S else "")
    running_s = captured_ns / 1e9  # the monotonic clock begins when the machine starts
    if boot_id == last.boot_id:
        running_s = 0.0
    if wall_s < running_s:
        note = f"it was at least {running_s:.0f} s; the clock of the machine was set back"
        return Blind(None, running_s, note)
    return Blind(wall_s, running_s, f"by the clock of the machine; at least {running_s:.0f} s")


def read_boot_id() -> str | None:
    """The id of the present start of the machine; None if the system has none."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return None


def describe_since(last: LastFrame, frame: Frame | BadFrame) -> tuple[str, float | None]:
    """A sentence, and the time in s. frame: the first after the interruption."""
    blind = measure_blind(last, frame.wall_time_utc, frame.captured_ns, read_boot_id())
    duration = "an unknown time" if blind.seconds is None else f"{blind.seconds:.1f} s"
    begin = "the start" if last.frame_id is None else f"frame {last.frame_id}"
    note = f" ({blind.note})" if blind.note else ""
    message = (
        f"nothing was inspected for {duration}{note}, from {last.wall_time_utc}, {begin} of run "
        f"{last.run_id}, to {frame.wall_time_utc}, because the program had ended without being "
        "asked"
    )
    return message, None if blind.seconds is None else round(blind.seconds, 3)


Describe = Callable[[Frame | BadFrame], tuple[str, float | None]]


class InterruptionStage:
    """An event stage that emits one event `health` with the first inspection. Runs that follow each
    other may share it: the first one with a frame emits the event.

    describe: gives the sentence and the time in s. sentences: empty until then; a summary shows
    them as warnings.
    """

    name = "interruption"

    def __init__(self, describe: Describe) -> None:
        self.sentences: list[str] = []
        self._describe: list[Describe] = [describe]

    def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
        try:
            describe = self._describe.pop()  # atomic: the run before may have a frame now, too
        except IndexError:
            return inspection, ()
        frame = inspection.frame
        message, seconds = describe(frame)
        self.sentences.append(message)
        event = HealthChanged(
            wall_time_utc=frame.wall_time_utc,
            frame_id=frame.frame_id,
            captured_ns=frame.captured_ns,
            condition=CONDITION,
            state="end",
            message=message,
            value=seconds,
            limit=None,
        )
        return inspection, [event]

    def flush(self) -> Sequence[Event]:
        return ()
