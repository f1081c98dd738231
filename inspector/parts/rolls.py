"""The event stage that ends rolls after a length or a number of frames, with one verdict each."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from inspector.core.clock import utc_now
from inspector.core.events import DefectClosed, Event, PartCause, Roll
from inspector.core.types import Inspection, Verdict
from inspector.parts.options import RollOptions
from inspector.parts.stage import RunEnd
from inspector.parts.tally import Tally, make_facts


@dataclass(slots=True)
class _OpenRoll:
    """A roll that has not been reported. end_m: length of the web at its end.

    open_tracks: defects that were first seen in it and may be seen again. closed: those that were
    closed.
    """

    number: int
    first_frame_id: int
    last_frame_id: int
    start_m: float | None
    end_m: float | None = None
    open_tracks: set[str] = field(default_factory=set)
    closed: int = 0
    tally: Tally = field(default_factory=Tally)


class RollStage:
    """Emits the event `roll` when a roll has ended and all its defects are closed.

    prefix: of every roll id. web_length_m: length of the web so far; None without tracking or a
    calibration. tracked: whether defects have tracks. It comes after the stage of tracking.
    """

    name = "rolls"

    def __init__(
        self,
        options: RollOptions,
        prefix: str,
        *,
        live: bool,
        tracked: bool,
        web_length_m: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._options, self._prefix = options, prefix
        self._live, self._tracked, self._web_length_m = live, tracked, web_length_m
        self._rolls: list[_OpenRoll] = []
        self._current: _OpenRoll | None = None
        self._known: set[str] = set()
        self._number = 0
        self._next_id = 0
        self._length_m: float | None = None
        self._verdicts: Counter[Verdict] = Counter()
        self.run_end = RunEnd()

    def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
        facts = make_facts(inspection, live=self._live)
        self._drop(range(self._next_id, facts.frame_id))
        self._next_id = facts.frame_id + 1
        roll = self._take_frame(facts.frame_id)
        roll.tally.add(facts)
        for defect in inspection.defects:
            track_id = None if defect.web is None else defect.web.track_id
            if track_id is not None and track_id not in self._known:
                self._known.add(track_id)
                roll.open_tracks.add(track_id)
        self._length_m = self._web_length_m()
        self._end_full(roll)
        return inspection, self._report()

    def notice(self, events: Sequence[Event]) -> None:
        """Gets the events of the stages before this one."""
        for event in events:
            if isinstance(event, DefectClosed):
                self._count(event)

    def flush(self) -> Sequence[Event]:
        self._drop(range(self._next_id, max(self._next_id, self.run_end.captured())))
        self._end(self._current)
        for roll in self._rolls:
            roll.open_tracks.clear()
        return self._report()

    @property
    def all_passed(self) -> bool:
        """Whether each roll so far is PASS."""
        return self._verdicts.total() == self._verdicts[Verdict.PASS]

    def summary(self) -> dict[str, int]:
        """For summary.json."""
        counts = {"total": self._verdicts.total()}
        words = {"passed": Verdict.PASS, "failed": Verdict.FAIL, "errored": Verdict.ERROR}
        return counts | {name: self._verdicts[verdict] for name, verdict in words.items()}

    def _take_frame(self, frame_id: int) -> _OpenRoll:
        """The roll to which the frame belongs."""
        if self._current is None:
            self._number += 1
            self._current = _OpenRoll(self._number, frame_id, frame_id, self._length_m)
            self._rolls.append(self._current)
        self._current.last_frame_id = frame_id
        return self._current

    def _drop(self, frame_ids: range) -> None:
        for frame_id in frame_ids:
            roll = self._take_frame(frame_id)
            roll.tally.dropped += 1
            self._end_full(roll)

    def _end_full(self, roll: _OpenRoll) -> None:
        frames, length_m = self._options.frames, self._options.length_m
        count = roll.tally.frames + roll.tally.dropped
        long_enough = (
            length_m is not None
            and self._length_m is not None
            and self._length_m - (roll.start_m or 0.0) >= length_m
        )
        if long_enough or (frames is not None and count >= frames):
            self._end(roll)

    def _end(self, roll: _OpenRoll | None) -> None:
        if roll is not None:
            roll.end_m = self._length_m
            self._current = None

    def _count(self, event: DefectClosed) -> None:
        """Counts a closed defect in the roll in which it was first seen."""
        track_ids = {event.track_id, *event.merged_track_ids}
        self._known -= track_ids
        for roll in self._rolls:
            roll.open_tracks -= track_ids
            roll.closed += roll.first_frame_id <= event.first_frame_id <= roll.last_frame_id

    def _report(self) -> list[Roll]:
        """The rolls that are complete, in order."""
        events = []
        while self._rolls:
            roll = self._rolls[0]
            if roll is self._current or roll.open_tracks:
                break
            events.append(self._make_event(self._rolls.pop(0)))
        return events

    def _make_event(self, roll: _OpenRoll) -> Roll:
        tally, latest = roll.tally, roll.tally.latest
        verdict, problem = _judge(tally)
        self._verdicts[verdict] += 1
        length_m = None if roll.end_m is None else roll.end_m - (roll.start_m or 0.0)
        return Roll(
            wall_time_utc=utc_now() if latest is None else latest.wall_time_utc,
            frame_id=roll.last_frame_id,
            captured_ns=None if latest is None else latest.captured_ns,
            roll_id=f"{self._prefix}/r{roll.number}",
            verdict=verdict,
            first_frame_id=roll.first_frame_id,
            last_frame_id=roll.last_frame_id,
            length_m=length_m,
            frames=tally.frames,
            frames_failed=tally.failed,
            frames_errored=tally.errored,
            frames_dropped=tally.dropped,
            defects=roll.closed if self._tracked else tally.sightings,
            **problem,
        )


def _judge(tally: Tally) -> tuple[Verdict, dict[str, Any]]:
    """Verdict of a roll, and cause and error of an ERROR."""
    if tally.failed:
        return Verdict.FAIL, {"cause": None, "error": None}
    if tally.errored:
        error = f"{tally.errored} of {tally.frames} frames are ERROR; the first: {tally.error}"
        return Verdict.ERROR, {"cause": tally.cause, "error": error}
    if tally.dropped:
        error = f"{tally.dropped} of {tally.frames + tally.dropped} frames were dropped"
        return Verdict.ERROR, {"cause": PartCause.DROPPED.value, "error": error}
    return Verdict.PASS, {"cause": None, "error": None}
