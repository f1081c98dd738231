"""Records since when each stage works on which frames, to detect a stuck stage."""

from collections.abc import Collection

from inspector.core.clock import now_ns
from inspector.core.errors import StageError


class Watchdog:
    """Detects a stage that works for longer than its limit.

    limit_s: for work on one frame or on no frame; n times as long for n frames. None: no limit.

    Each stage writes only its entry, so single dict operations need no lock.
    """

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s = limit_s
        self._busy: dict[str, tuple[tuple[int, ...], int, int]] = {}

    def begin(self, stage: str, frame_ids: Collection[int], *, held: int | None = None) -> int:
        """Returns the start in monotonic nanoseconds.

        frame_ids: the frames that the stage works on. held: number of frames in the stage, which is
        larger if other frames wait there. None: no other frame waits.
        """
        start_ns = now_ns()
        self._busy[stage] = (tuple(frame_ids), start_ns, len(frame_ids) if held is None else held)
        return start_ns

    def end(self, stage: str) -> None:
        self._busy.pop(stage, None)

    def is_busy(self, stages: Collection[str]) -> bool:
        """Whether one of these stages works."""
        return any(stage in self._busy for stage in stages)

    def frames_of(self, stage: str) -> tuple[int, ...]:
        """The frames that the stage works on. Empty while it waits."""
        entry = self._busy.get(stage)
        return () if entry is None else entry[0]

    def count_held(self, stage: str) -> int:
        """The number of frames in the stage. 0 while it waits."""
        entry = self._busy.get(stage)
        return 0 if entry is None else entry[2]

    def find_stuck_stage(self, default_s: float | None = None) -> StageError | None:
        """The error for a stage that works for longer than its limit. None if there is none.

        If there are several, the others may wait for the one that began first. default_s: is used
        if there is no limit.
        """
        longest_s = default_s if self._limit_s is None else self._limit_s
        if longest_s is None:
            return None
        now = now_ns()
        for stage, (frame_ids, since_ns, _) in sorted(self._busy.items(), key=lambda e: e[1][1]):
            limit_s = longest_s * max(1, len(frame_ids))
            if (now - since_ns) / 1e9 > limit_s:
                return StageError(stage, frame_ids, TimeoutError(f"no result after {limit_s:g} s"))
        return None
