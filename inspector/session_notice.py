"""Tells the service manager the state of a session."""

from collections.abc import Sequence
from typing import Final

from inspector.run import Run
from inspector.service.notify import Notifier

REPORT: Final = "the report is being written"


class SessionNotice:
    """Call one of its methods on each turn of the main loop. runs: all runs of the session."""

    def __init__(self, notifier: Notifier, runs: Sequence[Run]) -> None:
        self._notifier, self._runs = notifier, runs

    def opening(self) -> None:
        self._notifier.opening("the engines are being opened")

    def inspecting(self, running: Sequence[Run], *, stopping: bool) -> None:
        """running: the runs that have not ended."""
        if stopping:
            self._notifier.stopping("the last frames are inspected")
        elif any(run.pipeline.stats.received for run in self._runs):
            self._notifier.running(self._describe, lambda: self._faults(running))
        else:
            self._notifier.opening("the first frame has not arrived yet")

    def completing(self, text: str = "the results are being completed") -> None:
        self._notifier.stopping(text)

    def _describe(self) -> str:
        return "; ".join(run.describe() for run in self._runs)

    def _faults(self, running: Sequence[Run]) -> Sequence[object]:
        limit_s = self._notifier.watchdog_s
        stuck = [run.pipeline.find_stuck_stage(limit_s) for run in running]
        return [error for error in stuck if error is not None]
