"""Measures the age of runs so that jumps of the wall clock do no harm."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loguru import logger

from inspector.core.errors import SinkError
from inspector.core.files import write_whole


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment on both clocks, s."""

    wall_s: float
    monotonic_s: float

    @classmethod
    def now(cls) -> "Moment":
        return cls(time.time(), time.monotonic())


class AgeClock:
    """Counts seconds, and remembers at which count each run has ended, and in which order.

    While the program runs, the count follows the monotonic clock. The time in which it did not run
    is taken from the wall clock: never below 0, and at most most_gap_s; None for any time. So if
    the wall clock jumps, a run becomes older by at most most_gap_s, and no run becomes younger.

    A run that ended before the first use of this file has the age that the wall clock gives.
    """

    def __init__(self, path: Path, most_gap_s: float | None) -> None:
        self._path = path
        self._most_gap_s = most_gap_s
        self._last: Moment | None = None
        self._step_s = 0.0
        self._count_s = 0.0
        self._wall_s: float | None = None
        self._ended: dict[str, tuple[int, float]] = {}
        """Name of a run -> its number in the order of the ends, and the count at its end."""
        self._load()

    def advance(self, now: Moment) -> None:
        """Counts the time since the last call."""
        if self._last is not None:
            self._step_s = max(0.0, now.monotonic_s - self._last.monotonic_s)
        elif self._wall_s is not None:
            gap = max(0.0, now.wall_s - self._wall_s)
            self._step_s = gap if self._most_gap_s is None else min(gap, self._most_gap_s)
        self._count_s += self._step_s
        self._last = now

    def see(self, ended: Mapping[str, float], present: set[str]) -> None:
        """Adds the runs that have ended since the last call. ended: name -> wall time of the last
        change of its log, s. present: names of all runs; the others are forgotten."""
        assert self._last is not None
        self._ended = {name: value for name, value in self._ended.items() if name in present}
        # Without an earlier call, a run can have any age. Otherwise it ended since that call.
        known = self._wall_s is not None or bool(self._ended)
        number = 1 + max((n for n, _ in self._ended.values()), default=0)
        for name in sorted(ended.keys() - self._ended.keys(), key=lambda n: (ended[n], n)):
            age = max(0.0, self._last.wall_s - ended[name])
            self._ended[name] = (number, self._count_s - (min(age, self._step_s) if known else age))
            number += 1
        self._wall_s = self._last.wall_s

    def order(self, name: str) -> int:
        return self._ended[name][0]

    def age_days(self, name: str) -> float:
        return (self._count_s - self._ended[name][1]) / 86_400

    def save(self) -> None:
        """A file that cannot be written is a warning: on a full disk files must be removed."""
        values = {
            "format": 1,
            "count_s": self._count_s,
            "wall_s": self._wall_s,
            "ended": self._ended,
        }
        try:
            write_whole(self._path, json.dumps(values).encode(), sync=False)
        except SinkError as exc:
            logger.warning("{}", exc)

    def _load(self) -> None:
        try:
            values: dict[str, Any] = json.loads(self._path.read_bytes())
            ended = {
                str(name): (int(number), float(at_s))
                for name, (number, at_s) in values["ended"].items()
            }
            count_s, wall_s = float(values["count_s"]), float(values["wall_s"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            logger.warning("{} cannot be read, ages follow the wall clock: {}", self._path, exc)
            return
        self._count_s, self._wall_s, self._ended = count_s, wall_s, ended
