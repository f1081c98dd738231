"""Limits the time for refining regions of a live source, so that measuring never costs frames."""

import sys
from collections import deque
from collections.abc import Callable, Collection, Sequence
from threading import Event, Thread
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
from loguru import logger

from inspector.core.clock import ms_since, now_ns
from inspector.core.refining import FrameBox
from inspector.core.stage_items import EngineOutput

T = TypeVar("T")

LEAST_SHARE: Final = 0.02
MOST_SHARE: Final = 0.5
RECOVERY_PER_S: Final = 0.2
"""Share of the time that is spent on refining in the long run. The other stages and the encoder
need the rest of the processors. It is halved when frames wait, and becomes LEAST_SHARE when a
region is given up, because its time was in vain. While no frame waits it grows by RECOVERY_PER_S.
"""

START_S: Final = 0.05
SAVED_S: Final = 0.25
PATIENT_S: Final = 10.0
"""Time for refining at the start, and the largest time that frames with few defects save for later
frames. It is PATIENT_S if the source holds its frames until they are read, because such frames come
in bursts."""

FRAME_MS: Final = 1000.0
"""Largest time for one frame, unless the configuration sets it. It matters if no frames wait."""

DEBT_S: Final = 0.5
"""Largest debt after a region that took very long."""

IN_VAIN: Final = 20
"""The time of a region that was given up counts so many times. The next one would most likely be
given up too, and it delays the log."""

FULL: Final = 2
"""Waiting frames at which a region is given up. There is still room for two frames before one is
dropped."""

CHECK_S: Final = 0.004
"""Time between two looks at the waiting frames."""

DEADLINE_SHARE: Final = 0.5
"""Share of the deadline of the verdict after which refining stops. Then there is enough time to
measure the map and to judge."""

SEEN_S: Final = 2.0
"""Time for which a refined region is remembered. Regions at other places count as new."""

LONG_S: Final = 10.0
"""Time after which a region that was given up, but does not end, is reported once."""

NEW: Final = -1


class LiveMeasuring:
    """Gives each frame of a live source a plan with a limited time.

    The limit is a share of the time that passes. Time that is not used is saved, up to SAVED_S, and
    a frame that took longer shortens the time of the next ones. No region is begun while frames
    wait, and a region is given up when too many wait. Both also make the share smaller.

    budget_ms: largest time for one frame; None: FRAME_MS. deadline_ms: of the verdict, from
    the time at which the map was ready; None: no deadline. waiting: see Pipeline.waiting; it is set
    when the pipeline exists.
    """

    def __init__(self, *, budget_ms: float | None, deadline_ms: float | None) -> None:
        self.waiting: Callable[[], int | None] = lambda: 0
        self._budget_ns = round((FRAME_MS if budget_ms is None else budget_ms) * 1e6)
        self._deadline_ns = None
        if deadline_ms is not None:
            self._deadline_ns = round(DEADLINE_SHARE * deadline_ms * 1e6)
        self._share = MOST_SHARE
        self._left_s = START_S
        self._counted_ns = self._adapted_ns = now_ns()
        self._abandoned: _Task | None = None
        self._warned = False
        self._seen: deque[tuple[int, FrameBox]] = deque()

    def __call__(self, output: EngineOutput) -> "LivePlan":
        """Makes the plan of one frame. Raises the error of a region that was given up."""
        start_ns = now_ns()
        self._count_time(start_ns)
        self._adapt_share(start_ns)
        end_ns = start_ns + self._budget_ns
        if self._deadline_ns is not None:
            end_ns = min(end_ns, output.inferred_ns + self._deadline_ns)
        while self._seen and start_ns - self._seen[0][0] > SEEN_S * 1e9:
            self._seen.popleft()
        return LivePlan(self, end_ns)

    def may_begin(self) -> bool:
        self._count_time(now_ns())
        if self._abandoned is not None:
            if not self._abandoned.wait(0):
                self._warn_of_long_work(self._abandoned)
                return False
            self._left_s -= IN_VAIN * self._abandoned.seconds
            abandoned, self._abandoned = self._abandoned, None
            abandoned.result()
        return self._left_s > 0 and not self.waiting()

    def run(self, refine: Callable[[], T], end_ns: int) -> T | None:
        """Refines on another thread. None if it was given up; it then ends without a result."""
        task = _Task(refine)
        while not task.wait(CHECK_S):
            if now_ns() >= end_ns or (self.waiting() or 0) >= FULL:
                self._abandoned = task
                self._share = LEAST_SHARE
                return None
        self._left_s -= task.seconds
        result: T = task.result()
        return result

    def _warn_of_long_work(self, task: "_Task") -> None:
        if not self._warned and ms_since(task.start_ns) > LONG_S * 1e3:
            self._warned = True
            logger.warning(
                "refining a region takes more than {:g} s; until it ends, the other regions keep "
                "their sizes on the map",
                LONG_S,
            )

    def remember(self, box: FrameBox) -> None:
        self._seen.append((now_ns(), box))

    def last_seen(self, boxes: Sequence[FrameBox]) -> list[int]:
        """Time at which each place was refined last, in ns; NEW for a new place."""
        if not self._seen:
            return [NEW] * len(boxes)
        times = np.array([seen_ns for seen_ns, _ in self._seen])
        overlaps = _overlap(np.array(boxes), np.array([box for _, box in self._seen]))
        return [int(value) for value in np.where(overlaps, times[None], NEW).max(axis=1)]

    def _adapt_share(self, at_ns: int) -> None:
        gained = RECOVERY_PER_S * (at_ns - self._adapted_ns) / 1e9
        share = self._share / 2 if self.waiting() else self._share + gained
        self._share = min(max(share, LEAST_SHARE), MOST_SHARE)
        self._adapted_ns = at_ns

    def _count_time(self, at_ns: int) -> None:
        most = SAVED_S if self.waiting() is not None else PATIENT_S
        gained = self._share * (at_ns - self._counted_ns) / 1e9
        self._left_s = min(max(self._left_s, -DEBT_S) + gained, most)
        self._counted_ns = at_ns


class LivePlan:
    """The plan of one frame: new places first, then those refined longest ago, each strongest
    first. end_ns: monotonic time at which refining stops."""

    def __init__(self, measuring: LiveMeasuring, end_ns: int) -> None:
        self.refined: list[int] = []
        self._measuring = measuring
        self._end_ns = end_ns
        self._boxes: Sequence[FrameBox] = ()

    def order(
        self, boxes: Sequence[FrameBox], most: int, skip: Collection[int] = ()
    ) -> Sequence[int]:
        self._boxes = boxes
        last = self._measuring.last_seen(boxes)
        ranks = (rank for rank in range(len(boxes)) if rank not in skip)
        return sorted(ranks, key=lambda rank: (last[rank], rank))[:most]

    def attempt(self, rank: int, refine: Callable[[], T]) -> T | None:
        measuring = self._measuring
        if not measuring.may_begin() or now_ns() >= self._end_ns:
            return None
        result = measuring.run(refine, self._end_ns)
        if result is not None:
            self.refined.append(rank)
            measuring.remember(self._boxes[rank])
        return result


class RecordedPlan:
    """Refines the regions that were refined when the frame was inspected live."""

    def __init__(self, ranks: Sequence[int]) -> None:
        self.refined: list[int] = []
        self._ranks = ranks

    def order(
        self, boxes: Sequence[FrameBox], most: int, skip: Collection[int] = ()
    ) -> Sequence[int]:
        return [rank for rank in self._ranks if rank < len(boxes)]

    def attempt(self, rank: int, refine: Callable[[], T]) -> T | None:
        self.refined.append(rank)
        return refine()


class _Task:
    """A call on a separate thread. start_ns: monotonic. seconds: how long it took."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self.start_ns = now_ns()
        self._done = Event()
        self._result: Any = None
        self._error: BaseException | None = None
        self.seconds = 0.0
        Thread(target=self._run, name="refine", daemon=True).start()

    def wait(self, timeout_s: float) -> bool:
        """True if the call has ended."""
        return self._done.wait(timeout_s)

    def result(self) -> Any:
        """Raises the error of the call."""
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._work()
        finally:
            self._error = sys.exception()
            self.seconds = (now_ns() - self.start_ns) / 1e9
            self._done.set()


def _overlap(
    boxes: npt.NDArray[np.float64], others: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """(n, 4) and (m, 4) -> (n, m): whether the boxes share half of the smaller box."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(b[:, 2:] - b[:, :2], axis=1) for b in (boxes, others)]
    return np.asarray(shared > 0.5 * np.minimum(areas[0][:, None], areas[1][None]))
