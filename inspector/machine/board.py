"""Holds the newest state of each station. A PASS ends by itself when it is too old."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Condition
from typing import Any, Final

from inspector.core.clock import now_ns, utc_now
from inspector.core.decisions import VerdictState
from inspector.core.events import Part, VerdictEvent
from inspector.core.types import RunInfo, Verdict
from inspector.machine.codes import ErrorCode, code_of
from inspector.machine.state import JOINED, Signal, StationState

FRAMES: Final = "frames"
PARTS: Final = "parts"
JOINED_PARTS: Final = "joined_parts"
"""What drives the machine: each frame of a source, its parts, or parts of several sources."""


class StateBoard:
    """Newest states only, never queued. Any thread may call the methods; each returns at once,
    except wait().

    A state expires `expiry_ns` after the capture of its frame, or of the last frame of its part; a
    part without frames after its verdict. There is no timer: each reader checks the age and sees an
    expired state as such, and wait() returns when one expires. A verdict on an older frame than the
    newest can reject, but never pass.

    stations: names, see StationState. clock: monotonic time in ns. on_part: called after each
    verdict on a part, with the state of its station, on the thread of the verdict.
    """

    def __init__(
        self, stations: Sequence[str], expiry_ns: int, clock: Callable[[], int] = now_ns
    ) -> None:
        self.stations = tuple(stations)
        self.expiry_ns = expiry_ns
        self._clock = clock
        self.on_part: Callable[[StationState], None] | None = None
        self._changed = Condition()
        self._version = 0
        self._ready: set[str] = set()
        self._verdicts = {name: Counter[Verdict]() for name in stations}
        not_ready = ErrorCode.NOT_READY
        self._states = {
            name: StationState(
                station=name,
                signal=Signal.NOT_READY,
                cause=not_ready.cause,
                error_code=not_ready,
                wall_time_utc=utc_now(),
            )
            for name in stations
        }

    def see_verdict(
        self, source: str, event: VerdictEvent, run: RunInfo, driven_by: str = FRAMES
    ) -> None:
        """Takes a verdict on a frame. A pending one, and one of a station that the board does not
        have, have no effect. driven_by: FRAMES, PARTS or JOINED_PARTS; only with FRAMES the verdict
        changes the signal."""
        seen = (source, JOINED) if driven_by == JOINED_PARTS else (source,)
        names = [name for name in seen if name in self._states]
        if event.state is not VerdictState.FINAL or not names:
            return
        assert event.verdict is not None
        with self._change():
            for name in names:
                beats = self._states[name].heartbeat + 1
                changes: dict[str, Any] = {"heartbeat": beats, "heartbeat_ns": event.judged_ns}
                if driven_by == FRAMES:
                    changes |= self._drive(
                        name,
                        event.verdict,
                        event.cause,
                        event.captured_ns,
                        run,
                        frame_id=event.frame_id,
                        judged_ns=event.judged_ns,
                        part_id=None,
                    )
                self._put(name, changes)
            if source in names:
                self._verdicts[source][event.verdict] += 1

    def see_part(self, part: Part, run: RunInfo) -> None:
        """Takes the verdict on a part. run: of the source that completed it."""
        name = run.source_name if len(part.sources) == 1 else JOINED
        if name not in self._states:
            return
        with self._change():
            changes = self._drive(
                name,
                part.verdict,
                part.cause,
                part.newest_captured_ns,
                run,
                frame_id=part.frame_id,
                judged_ns=self._clock(),
                part_id=part.part_id,
            )
            if changes:
                self._put(name, changes)
            state = self._states[name]
        if self.on_part is not None:
            self.on_part(state)

    def see_ready(self, station: str, ready: bool) -> None:
        """Says whether the station captures frames."""
        if ready is (station in self._ready):
            return
        with self._change():
            (self._ready.add if ready else self._ready.discard)(station)
            signal = Signal.REJECT if ready else Signal.NOT_READY
            code = ErrorCode.WAITING if ready else ErrorCode.NOT_READY
            self._put(station, _describe(signal, code))

    def see_conditions(self, station: str, names: Sequence[str]) -> None:
        """Says which camera conditions are active."""
        if tuple(names) != self._states[station].conditions:
            with self._change():
                self._put(station, {"conditions": tuple(names)})

    def states(self) -> Mapping[str, StationState]:
        """The newest state of each station, in the order of `stations`."""
        with self._changed:
            self._expire()
            return dict(self._states)

    def verdicts(self) -> Mapping[str, Mapping[Verdict, int]]:
        """Number of final verdicts on the frames of each source, since the start of the process."""
        with self._changed:
            return {name: dict(counts) for name, counts in self._verdicts.items()}

    @property
    def version(self) -> int:
        """Rises with each change."""
        return self._version

    def wait(self, version: int, timeout_s: float) -> int:
        """Waits until the version differs from `version`, at most timeout_s. Returns the newest
        version."""
        end = now_ns() + round(timeout_s * 1e9)
        with self._changed:
            while True:
                self._expire()
                left_s = (end - now_ns()) / 1e9
                if self._version != version or left_s <= 0:
                    return self._version
                self._changed.wait(min([left_s, *self._seconds_to_expiry()]))

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self._changed:
            self._expire()
            yield
            self._version += 1
            self._changed.notify_all()

    def _drive(
        self,
        name: str,
        verdict: Verdict,
        cause: str | None,
        captured_ns: int | None,
        run: RunInfo,
        *,
        frame_id: int | None,
        judged_ns: int,
        part_id: str | None,
    ) -> dict[str, Any]:
        """The changes of the state, in one step because each copy of a state takes time."""
        before = self._states[name]
        newest_ns = max(captured_ns or 0, before.captured_ns or 0)
        if verdict is Verdict.PASS and newest_ns != captured_ns:
            return {}  # a later frame has been shown, such as of the run after a hand-over
        now = self._clock()
        expires_ns = (now if captured_ns is None else captured_ns) + self.expiry_ns
        if name not in self._ready:
            shown = _describe(Signal.NOT_READY, ErrorCode.NOT_READY)
        elif run.check is not None:
            # Not NOT_READY: a PLC may trigger further parts of the check, and those after it.
            shown = _describe(Signal.REJECT, ErrorCode.CHECK)
        elif now >= expires_ns:
            shown = _describe(Signal.REJECT, ErrorCode.LATE)
        else:
            signal = Signal.PASS if verdict is Verdict.PASS else Signal.REJECT
            shown = _describe(signal, code_of(cause), verdict)
        return shown | {
            "sequence": before.sequence + 1,
            "expires_ns": expires_ns,
            "part_id": part_id,
            "frame_id": frame_id,
            "run_id": run.run_id,
            "recipe_id": run.recipe_id,
            "captured_ns": newest_ns or None,
            "judged_ns": judged_ns,
        }

    def _put(self, name: str, changes: Mapping[str, Any]) -> None:
        self._states[name] = replace(self._states[name], wall_time_utc=utc_now(), **changes)

    def _expire(self) -> None:
        """Ends the verdicts that are too old."""
        now = self._clock()
        for name, state in self._states.items():
            if state.verdict is not None and now >= state.expires_ns:
                self._put(name, _describe(Signal.REJECT, ErrorCode.EXPIRED))
                self._version += 1
                self._changed.notify_all()

    def _seconds_to_expiry(self) -> list[float]:
        now = self._clock()
        fresh = (state for state in self._states.values() if state.verdict is not None)
        return [max(0.0, (state.expires_ns - now) / 1e9) for state in fresh]


def _describe(signal: Signal, code: ErrorCode, verdict: Verdict | None = None) -> dict[str, Any]:
    cause = code.cause if code else None
    return {"signal": signal, "verdict": verdict, "cause": cause, "error_code": code}
