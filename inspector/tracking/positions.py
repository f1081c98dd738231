"""Keeps the newest positions of a line with their times, and interpolates between them."""

import math
import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

KEPT_S: Final = 60.0
"""Frames are older than this only if the run hangs."""

MOST: Final = 100_000

JITTER_S: Final = 0.05
"""A value may arrive later than the one before by this much more than it was sent later."""

BURST_S: Final = 0.1
"""After a gap, values that waited on their way arrive in a burst. Only the newest is used."""


@dataclass(frozen=True, slots=True)
class Place:
    """The position of the line at one time.

    position: mm. segment: positions of two segments cannot be compared. speed: mm/s. ahead_s: time
    since the newest value, if the position is continued from the last speed; 0 between two values.
    """

    position: float
    segment: int
    speed: float
    ahead_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Sample:
    time_s: float
    position: float
    segment: int


class Positions:
    """Positions with monotonic times. One thread adds them, another one reads.

    max_age_s: no position is given where the values have a longer gap. max_speed: mm/s; after a
    larger jump a new segment begins. It also begins after a gap if the position is nearer to 0 than
    before, because the counter may have been reset.
    """

    def __init__(self, *, max_age_s: float, max_speed: float) -> None:
        self._max_age_s, self._max_speed = max_age_s, max_speed
        self._samples: deque[_Sample] = deque(maxlen=MOST)
        self._lock = threading.Lock()
        self._segment = 0
        self._settled_s = -math.inf
        self._last_speed: tuple[float, float] | None = None

    def add(self, time_s: float, position: float, *, continued: bool = True) -> None:
        """continued: False begins a new segment."""
        with self._lock:
            if self._samples and time_s < self._settled_s:
                self._samples.pop()
            if self._samples:
                last = self._samples[-1]
                seconds = time_s - last.time_s
                if seconds <= 0:  # Two values at the same time say nothing about the motion.
                    return
                gap = seconds > self._max_age_s
                if gap and time_s >= self._settled_s:
                    self._settled_s = time_s + BURST_S
                most = self._max_speed * (seconds + JITTER_S)
                jump = abs(position - last.position) > most
                reset = gap and abs(position) < abs(last.position)
                self._segment += jump or reset or not continued
            self._samples.append(_Sample(time_s, position, self._segment))
            while self._samples[0].time_s < time_s - KEPT_S:
                self._samples.popleft()

    def add_speed(self, time_s: float, speed: float) -> None:
        """Adds a speed in mm/s. The position is the sum of speed times time (trapezoids). After a
        gap a new segment begins, because the way in it is not known."""
        last, self._last_speed = self._last_speed, (time_s, speed)
        if abs(speed) > self._max_speed:
            self._last_speed = None
            return
        with self._lock:
            position = self._samples[-1].position if self._samples else 0.0
        seconds = self._max_age_s + 1 if last is None else time_s - last[0]
        if last is None or seconds > self._max_age_s:
            self.add(time_s, position, continued=False)
            return
        self.add(time_s, position + (speed + last[1]) / 2 * seconds)

    @property
    def newest_s(self) -> float | None:
        """Time of the newest value."""
        with self._lock:
            return self._samples[-1].time_s if self._samples else None

    def at(self, time_s: float) -> Place | None:
        """The position at a time; None if the values around it do not give it."""
        with self._lock:
            after: _Sample | None = None
            window: list[_Sample] = []
            for sample in reversed(self._samples):
                if sample.time_s > time_s:
                    after = sample
                    continue
                if window and (
                    sample.segment != window[0].segment
                    or sample.time_s < window[0].time_s - self._max_age_s
                ):
                    break
                window.append(sample)
        if not window:
            return None
        before = window[0]
        if after is None:
            return self._continue(window, time_s)
        seconds = after.time_s - before.time_s
        if after.segment != before.segment or seconds > self._max_age_s:
            return None
        share = (time_s - before.time_s) / seconds
        position = before.position + share * (after.position - before.position)
        speed = _slope(window[-1], after)
        return Place(position, before.segment, speed)

    def _continue(self, window: list[_Sample], time_s: float) -> Place | None:
        """The position a short time after the newest value. Values that arrive in a burst, such as
        after a break of the connection, give no speed."""
        newest, ahead_s = window[0], time_s - window[0].time_s
        if ahead_s > self._max_age_s or len(window) < 2:
            return None
        speed = _slope(window[-1], newest)
        if abs(speed) > self._max_speed:
            return None
        return Place(newest.position + speed * ahead_s, newest.segment, speed, ahead_s)


def _slope(first: _Sample, last: _Sample) -> float:
    return (last.position - first.position) / (last.time_s - first.time_s)
