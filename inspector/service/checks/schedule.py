"""Decides when a routine check is due, whatever the wall clock does."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Final, Protocol

from inspector.service.checks.options import CheckOptions

_HOUR_MS: Final = 3_600_000


class Schedule(Protocol):
    """Times are ms of the wall clock since 1970 and monotonic ns. A check that was never done is
    due at once."""

    def due(self, wall_ms: int, now_ns: int) -> int | None:
        """The time for which it is due now, in ms of the wall clock; None if it is not due. It is
        due once, also if several times have passed."""
        ...

    def done(self, wall_ms: int, now_ns: int) -> int:
        """The check is done now. Returns the time to store: `last_ms` after a restart."""
        ...

    def next(self, wall_ms: int, now_ns: int) -> int | None:
        """When it will be due, by the wall clock as it is now; None: only on request."""
        ...


def make_schedule(
    options: CheckOptions, last_ms: int | None, wall_ms: int, now_ns: int
) -> Schedule:
    """last_ms: what done() returned the last time, also in an earlier process; None: never."""
    if options.every_h is not None:
        return _Interval(round(options.every_h * _HOUR_MS), last_ms, wall_ms, now_ns)
    if options.at:
        return _TimesOfDay(options.at, last_ms, now_ns)
    return _OnRequest()


class _OnRequest:
    def due(self, wall_ms: int, now_ns: int) -> int | None:
        return None

    def done(self, wall_ms: int, now_ns: int) -> int:
        return wall_ms

    def next(self, wall_ms: int, now_ns: int) -> int | None:
        return None


class _Interval:
    """In a process the monotonic clock counts, so that no jump of the wall clock matters. The wall
    clock says only how long the program was off. If it shows a time before the last check, nobody
    knows how long that was, and the check is due."""

    def __init__(self, every_ms: int, last_ms: int | None, wall_ms: int, now_ns: int) -> None:
        self._every_ms = every_ms
        age_ms = None if last_ms is None or last_ms > wall_ms else wall_ms - last_ms
        self._left_ms = 0 if age_ms is None else every_ms - age_ms
        """Time from since_ns until it is due; below 0 if it was due before."""
        self._since_ns = now_ns

    def due(self, wall_ms: int, now_ns: int) -> int | None:
        at_ms = self.next(wall_ms, now_ns)
        return at_ms if at_ms <= wall_ms else None

    def done(self, wall_ms: int, now_ns: int) -> int:
        self._left_ms, self._since_ns = self._every_ms, now_ns
        return wall_ms

    def next(self, wall_ms: int, now_ns: int) -> int:
        return wall_ms + self._left_ms - (now_ns - self._since_ns) // 1_000_000


class _TimesOfDay:
    """The last time that has passed is due, unless it or a later one was done. After the wall clock
    was set back, a time that was done does not come again. If it was set back so far that the check
    would be away for longer than the longest interval, it is due by the monotonic clock."""

    def __init__(self, at: Sequence[str], last_ms: int | None, now_ns: int) -> None:
        self._at = at
        self._last_ms = last_ms
        self._since_ns = now_ns
        self._done_here = False

    def due(self, wall_ms: int, now_ns: int) -> int | None:
        slots = _slots(self._at, wall_ms)
        latest = max(slot for slot in slots if slot <= wall_ms)
        if self._last_ms is None or latest > self._last_ms:
            return latest
        longest = max(after - before for before, after in pairwise(slots))
        is_old = now_ns - self._since_ns >= longest * 1_000_000
        was_lost = not self._done_here and self._last_ms - wall_ms > longest
        is_set_back = self._last_ms > wall_ms
        return latest if is_set_back and (is_old or was_lost) else None

    def done(self, wall_ms: int, now_ns: int) -> int:
        self._last_ms = max(slot for slot in _slots(self._at, wall_ms) if slot <= wall_ms)
        self._since_ns, self._done_here = now_ns, True
        return self._last_ms

    def next(self, wall_ms: int, now_ns: int) -> int | None:
        if (due := self.due(wall_ms, now_ns)) is not None:
            return due
        last_ms = self._last_ms or 0
        return min(s for s in _slots(self._at, max(wall_ms, last_ms)) if s > max(wall_ms, last_ms))


def _slots(at: Sequence[str], wall_ms: int) -> list[int]:
    """The times of the days around a moment, rising. A local time that a change of the clocks
    skips is an hour later, and one that comes twice counts the first time."""
    moment = datetime.fromtimestamp(wall_ms / 1000, UTC)
    slots = set()
    for text in at:
        clock = time.fromisoformat(text.removesuffix("Z"))
        zone = UTC if text.endswith("Z") else None
        today = (moment if zone else moment.astimezone()).date()
        for days in range(-2, 3):
            date = today + timedelta(days)
            # A time without a zone is a local one.
            slot = datetime.combine(date, clock, zone).astimezone(UTC)
            slots.add(round(slot.timestamp() * 1000))
    return sorted(slots)
