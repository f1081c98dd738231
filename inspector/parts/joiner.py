"""Joins what the sources saw of a part to one verdict, and counts the parts."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from loguru import logger

from inspector.core.clock import utc_now
from inspector.core.events import Part
from inspector.core.trace import UNTRACED, TraceFields
from inspector.core.types import Verdict
from inspector.parts.book import PartView
from inspector.parts.totals import PartTotals
from inspector.parts.verdict import PartRule, judge_part

REMEMBERED: Final = 10_000
"""Number of parts with a missing source that are remembered, so that a late camera does not make a
second part."""


@dataclass(slots=True)
class _Waiting:
    """A part that some sources saw. since_s: monotonic time of the first live one of them. views:
    several of a source that saw it more than once."""

    since_s: float = math.inf
    views: dict[str, list[PartView]] = field(default_factory=dict)


class PartJoiner:
    """Gives one verdict per part over all sources, by the keys of the views. Every source uses it
    on its own thread.

    sources: those that can see each part. timeout_s: after this time a part that a live source saw
    no longer waits for the others; otherwise it waits until they have ended. totals: of all parts
    so far. on_part: called with each part, such as to write a table; never twice at a time.
    """

    def __init__(self, sources: Sequence[str], rule: PartRule, *, timeout_s: float) -> None:
        self._sources, self._rule, self._timeout_s = tuple(sources), rule, timeout_s
        self._lock = Lock()
        self._waiting: dict[Hashable, _Waiting] = {}
        self._late: dict[Hashable, set[str]] = {}
        self._ended: set[str] = set()
        self._ready: list[Part] = []
        self.totals = PartTotals()
        self.on_part: Callable[[Part], None] | None = None

    @property
    def joins(self) -> bool:
        """Whether it joins several sources."""
        return len(self._sources) > 1

    def add(self, views: Sequence[PartView], now_s: float, *, live: bool) -> list[Part]:
        """Adds parts that one source has seen to their end. Returns the parts that are complete
        now, from all sources. Each part is returned once. now_s: monotonic time. live: whether the
        source is live."""
        with self._lock:
            for view in views:
                self._add(view, now_s if live else math.inf)
            limit_s = now_s - self._timeout_s
            late = [key for key, part in self._waiting.items() if part.since_s <= limit_s]
            for key in late:
                self._complete(key)
            ready, self._ready = self._ready, []
        return ready

    def end_source(self, source: str) -> bool:
        """No further view comes from this source. Returns True once: when all have ended.

        May be called twice.
        """
        with self._lock:
            if source in self._ended:
                return False
            self._ended.add(source)
            for key in [key for key, part in self._waiting.items() if self._is_done(part)]:
                self._complete(key)
            return len(self._ended) == len(self._sources)

    def summary(self) -> dict[str, Any]:
        """For summary.json."""
        with self._lock:
            return self.totals.as_dict()

    def _add(self, view: PartView, now_s: float) -> None:
        if self._is_late(view):
            logger.warning(
                "part {}: {} saw it after its time-out; this view is not counted",
                view.part_id,
                view.source,
            )
            return
        part = self._waiting.setdefault(view.key, _Waiting())
        part.since_s = min(part.since_s, now_s)
        part.views.setdefault(view.source, []).append(view)
        if self._is_done(part):
            self._complete(view.key)

    def _is_late(self, view: PartView) -> bool:
        """Whether the part was completed without this source."""
        missing = self._late.get(view.key, set())
        if view.source not in missing:
            return False
        missing.remove(view.source)
        return True

    def _is_done(self, part: _Waiting) -> bool:
        return all(name in part.views or name in self._ended for name in self._sources)

    def _complete(self, key: Hashable) -> None:
        views = self._waiting.pop(key).views
        missing = [name for name in self._sources if name not in views]
        if silent := set(missing) - self._ended:
            self._late[key] = silent
            if len(self._late) > REMEMBERED:
                del self._late[next(iter(self._late))]
        in_order = [view for name in self._sources for view in views.get(name, ())]
        part = self._make_part(in_order, missing)
        self.totals.add(part)
        if self.on_part is not None:
            self.on_part(part)
        self._ready.append(part)

    def _make_part(self, views: Sequence[PartView], missing: Sequence[str]) -> Part:
        verdict, problem = judge_part(self._rule, views, missing)
        tallies = [view.tally for view in views]
        first = tallies[0] if len(self._sources) == 1 else None
        begun, latest = (None, None) if first is None else (first.begun, first.latest)
        scored = [tally for tally in tallies if tally.score is not None]
        worst = max(scored, key=lambda tally: tally.score or 0.0, default=None)
        newest = [tally.latest for tally in tallies if tally.latest is not None]
        return Part(
            wall_time_utc=max((facts.wall_time_utc for facts in newest), default=utc_now()),
            frame_id=None if latest is None else latest.frame_id,
            captured_ns=None if latest is None else latest.captured_ns,
            part_id=views[0].part_id,
            trace=_join_traces(views),
            verdict=verdict,
            rule=self._rule.name,
            sources=self._sources,
            cause=None if problem is None else problem.cause,
            error=None if problem is None else problem.error,
            first_frame_id=None if begun is None else begun.frame_id,
            last_frame_id=None if latest is None else latest.frame_id,
            frames=sum(tally.frames for tally in tallies),
            frames_failed=sum(tally.failed for tally in tallies),
            frames_errored=sum(tally.errored for tally in tallies),
            frames_dropped=sum(tally.dropped for tally in tallies),
            defects=sum(tally.most_defects for tally in tallies),
            sightings=sum(tally.sightings for tally in tallies),
            score=None if worst is None else worst.score,
            worst_frame_id=None if first is None else first.worst_frame_id,
            views=tuple(_describe(self._rule, view) for view in views),
            summary=None if worst is None else worst.summary,
            newest_captured_ns=max((facts.captured_ns for facts in newest), default=None),
        )


def _join_traces(views: Sequence[PartView]) -> TraceFields:
    """The fields that a source knows; of the first source if several know one."""
    trace = UNTRACED
    for view in views:
        trace = trace.over(view.trace)
    return trace


def _describe(rule: PartRule, view: PartView) -> dict[str, Any]:
    """What one source saw, for the record. verdict: by its frames alone."""
    tally = view.tally
    verdict: Verdict = judge_part(rule, [view])[0]
    return {
        "source": view.source,
        "verdict": verdict.value,
        "first_frame_id": None if tally.begun is None else tally.begun.frame_id,
        "last_frame_id": None if tally.latest is None else tally.latest.frame_id,
        "worst_frame_id": tally.worst_frame_id,
        "frames": tally.frames,
        "frames_failed": tally.failed,
        "frames_errored": tally.errored,
        "frames_dropped": tally.dropped,
    }
