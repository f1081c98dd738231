"""Groups frames into parts by triggers: times at which a part is in front of the camera."""

import math
from bisect import insort
from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Final

from loguru import logger

from inspector.core.errors import ConfigError
from inspector.core.tables import read_number, read_table
from inspector.core.trace import UNTRACED, TraceFields, read_trace
from inspector.core.types import Inspection
from inspector.parts.book import PartBook, PartView
from inspector.parts.grouping import shows_scene
from inspector.parts.presence import ZonePresence
from inspector.parts.tally import FrameFacts

HISTORY: Final = 256
"""Number of frames without a part that are remembered for a trigger that comes late."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """time_s: on the clock of the frames. part_id: None for a number in order. trace: of the
    part. key: see PartView; None: the part_id."""

    time_s: float
    part_id: str | None
    trace: TraceFields = UNTRACED
    key: Hashable = None


@dataclass(frozen=True, slots=True)
class TriggerRules:
    """window_s: time after a trigger to which the frames of its part belong; None: until the next
    trigger. frames: number of frames that a part must have; None: any number. With frames a part
    ends with its last frame. timeout_s: how long a part waits for frames that do not come."""

    window_s: float | None
    frames: int | None
    timeout_s: float


@dataclass(frozen=True, slots=True)
class DroppedFrames:
    """Frames that were dropped between two times. The frames come at a constant rate there."""

    from_s: float
    to_s: float
    count: int

    def count_within(self, start_s: float, end_s: float) -> int:
        step = (self.to_s - self.from_s) / (self.count + 1)
        if step <= 0:
            return self.count if start_s <= self.from_s < end_s else 0
        first = max(1, math.ceil((start_s - self.from_s) / step))
        last = math.ceil((min(end_s, self.to_s) - self.from_s) / step) - 1
        return max(0, last - first + 1)


class TriggerGrouping:
    """A part has the frames from its trigger to the end of its window, or to the next trigger.

    A part without a frame is closed too, so that its loss is known. presence: if it is set, only
    frames with a part in the zone belong to the part. triggers: known before the run; on a live
    source their times count from the first frame. trigger() adds others from any thread.
    In a run that continues another one, a part whose trigger is before the run got the source is
    cut. began_s: gives this monotonic time on a live source; None: the time of the first frame.
    late: number of triggers that came after a frame of their part was passed on.
    """

    def __init__(
        self,
        book: PartBook,
        prefix: str,
        rules: TriggerRules,
        *,
        live: bool,
        presence: ZonePresence | None = None,
        triggers: Sequence[Trigger] = (),
        began_s: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._book, self._prefix, self._rules, self._live = book, prefix, rules, live
        self._presence = presence
        self._known, self._began_s = triggers, began_s
        self._inbox: deque[Trigger] = deque()
        self._lock, self._finished = Lock(), False
        self._waiting: list[Trigger] = []
        self._history: deque[FrameFacts] = deque(maxlen=HISTORY)
        self._drops: deque[DroppedFrames] = deque(maxlen=HISTORY)
        self._number = 0
        self._active: PartView | None = None
        self._start_s = 0.0
        self._first_s: float | None = None
        self._now_s: float | None = None
        self._seen_s: float | None = None
        self.late = 0

    def trigger(self, trigger: Trigger) -> bool:
        """Announces a part. Any thread may call this. Returns False if it comes after finish()."""
        with self._lock:
            if not self._finished:
                self._inbox.append(trigger)
            return not self._finished

    def see(self, inspection: Inspection, facts: FrameFacts, dropped: range) -> PartView | None:
        now_s = facts.time_s if facts.time_s is not None else self._now_s or 0.0
        self._begin_clock(now_s)
        if self._first_s is None:
            self._first_s = now_s
        if dropped and self._now_s is not None:
            self._drops.append(DroppedFrames(self._now_s, now_s, len(dropped)))
        self._now_s = now_s
        self._pass_time(now_s)
        self._seen_s = now_s
        if not self._is_present(inspection):
            return None
        view = self._active
        if view is None:
            self._history.append(facts)
            return None
        view.tally.add(facts)
        if view.is_full:
            self._end_active(now_s)
        return view

    def tick(self, now_s: float) -> None:
        self._pass_time(now_s - self._rules.timeout_s)

    def finish(self, dropped: range, *, complete: bool) -> None:
        with self._lock:
            self._finished = True
        last_s = self._now_s if self._now_s is not None else 0.0
        self._begin_clock(last_s)
        self._pass_time(last_s)
        rest, self._waiting = self._waiting, []
        if complete or self._live:
            for trigger in rest:
                self._start(trigger)
        elif rest:
            logger.warning(
                "parts.triggers: the run was stopped before {} of the triggers; their parts are "
                "not counted",
                len(rest),
            )
        self._end_active(math.inf)

    def _begin_clock(self, first_s: float) -> None:
        """The first frame gives the times of the triggers that were known before the run."""
        known, self._known = self._known, ()
        offset = first_s if self._live else 0.0
        for trigger in known:
            self._wait(replace(trigger, time_s=trigger.time_s + offset))

    def _wait(self, trigger: Trigger) -> None:
        insort(self._waiting, trigger, key=lambda t: t.time_s)

    def _pass_time(self, now_s: float) -> None:
        """Starts the parts whose triggers have come, and ends the part whose window has passed."""
        while self._inbox:
            self._wait(self._inbox.popleft())
        while self._waiting and self._waiting[0].time_s <= now_s:
            self._start(self._waiting.pop(0))
        if self._active is not None and now_s >= self._window_end(self._start_s):
            self._end_active(self._window_end(self._start_s))

    def _window_end(self, start_s: float) -> float:
        window_s = self._rules.window_s
        return math.inf if window_s is None else start_s + window_s

    def _start(self, trigger: Trigger) -> None:
        """Begins a part. Frames that came before a late trigger are taken from the history."""
        self._number += 1
        self.late += self._seen_s is not None and trigger.time_s <= self._seen_s
        part_id = trigger.part_id or f"{self._prefix}/p{self._number}"
        is_late = self._active is not None and trigger.time_s < self._start_s
        end_s = self._window_end(trigger.time_s)
        if is_late:
            end_s = min(end_s, self._start_s)
        else:
            self._end_active(trigger.time_s)
        is_cut = self._book.continues and self._is_early(trigger.time_s)
        view = self._book.begin(part_id, self._rules.frames, is_cut=is_cut, key=trigger.key)
        view.trace = trigger.trace
        if not is_late:
            self._active, self._start_s = view, trigger.time_s
        self._take_history(view, trigger.time_s, end_s)
        if is_late:
            self._close(view, trigger.time_s, end_s)
        elif view.is_full:
            self._end_active(end_s)

    def _is_early(self, time_s: float) -> bool:
        """Whether frames from this time on may be in the run before."""
        began_s = self._began_s()
        start_s = self._first_s if began_s is None else began_s
        return start_s is None or time_s < start_s

    def _take_history(self, view: PartView, start_s: float, end_s: float) -> None:
        for facts in list(self._history):
            if facts.time_s is not None and start_s <= facts.time_s < end_s and not view.is_full:
                view.tally.add(facts)
                self._history.remove(facts)

    def _end_active(self, end_s: float) -> None:
        view, self._active = self._active, None
        if view is not None:
            self._close(view, self._start_s, min(end_s, self._window_end(self._start_s)))

    def _close(self, view: PartView, start_s: float, end_s: float) -> None:
        view.tally.dropped += sum(drop.count_within(start_s, end_s) for drop in self._drops)
        self._book.close(view.key)

    def _is_present(self, inspection: Inspection) -> bool:
        """Without a usable picture, what the previous frame showed."""
        if self._presence is None:
            return True
        image = inspection.frame.image
        if image is not None and shows_scene(inspection):
            return self._presence.see(image)
        return self._presence.present


def read_triggers(path: Path) -> list[Trigger]:
    """Reads a CSV file with the column time_s and, if they are known, part_id and trace fields.

    The columns are separated as in read_table(). Raises ConfigError.
    """
    try:
        rows, separator = read_table(path)
        triggers = [
            Trigger(
                read_number(row["time_s"], separator), row.get("part_id") or None, read_trace(row)
            )
            for row in rows
        ]
    except OSError as exc:
        raise ConfigError(f"parts.triggers: {path} cannot be read: {exc.strerror}") from exc
    except (KeyError, TypeError, AttributeError, ValueError) as exc:
        raise ConfigError(
            f"parts.triggers: {path} must have the column time_s with a number in each row: {exc}"
        ) from exc
    if not triggers or not all(math.isfinite(trigger.time_s) for trigger in triggers):
        raise ConfigError(f"parts.triggers: {path} needs at least one row, with finite numbers")
    counts = Counter(trigger.part_id for trigger in triggers if trigger.part_id is not None)
    repeated = [part_id for part_id, count in counts.items() if count > 1]
    if repeated:
        raise ConfigError(f"parts.triggers: {path} has the part_id {repeated[0]} more than once")
    return triggers
