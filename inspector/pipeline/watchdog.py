"""Who works on which frame since when, so that a stuck stage is seen."""

from inspector.core.clock import now_ns


class Watchdog:
    """limit_s: how long one stage may work on one frame; None: for ever.

    Each stage writes its own entry only, so single dict operations need no lock.
    """

    def __init__(self, limit_s: float | None) -> None:
        self.limit_s = limit_s
        self._busy: dict[str, tuple[int, int]] = {}

    def begin(self, stage: str, frame_id: int) -> int:
        """Returns the start in monotonic nanoseconds."""
        start_ns = now_ns()
        self._busy[stage] = (frame_id, start_ns)
        return start_ns

    def end(self, stage: str) -> None:
        self._busy.pop(stage, None)

    def frame_of(self, stage: str) -> int | None:
        """The frame that the stage works on now."""
        entry = self._busy.get(stage)
        return None if entry is None else entry[0]

    def stuck(self) -> str | None:
        """A stage that has worked on one frame for longer than the limit."""
        if self.limit_s is None:
            return None
        now = now_ns()
        for stage, (_, since_ns) in list(self._busy.items()):
            if (now - since_ns) / 1e9 > self.limit_s:
                return stage
        return None
