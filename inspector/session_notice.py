"""Tells the service manager the state of a session."""

from collections.abc import Sequence
from typing import Final

from inspector.run import Run, find_stuck_stages
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
            limit_s = self._notifier.watchdog_s
            self._notifier.running(self._describe, lambda: find_stuck_stages(running, limit_s))
        else:
            self._notifier.opening("the first frame has not arrived yet")

    def completing(self, text: str = "the results are being completed") -> None:
        self._notifier.stopping(text)

    def _describe(self) -> str:
        return "; ".join(run.describe() for run in self._runs)
