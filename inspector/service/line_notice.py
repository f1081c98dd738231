"""Tells the service manager the state of a line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inspector.run import find_stuck_stages
from inspector.service.line_state import describe
from inspector.service.notify import Notifier

if TYPE_CHECKING:
    from inspector.service.line import Line


class LineNotice:
    """An attendant of a line."""

    def __init__(self, line: "Line", notifier: Notifier) -> None:
        self._line, self._notifier = line, notifier
        self._was_ready = False
        self._reloads = 0

    def turn(self) -> None:
        line = self._line
        asked, self._reloads = line.reloads > self._reloads, line.reloads
        if line.is_ending:
            self._notifier.stopping("the last frames are inspected", self._find_faults)
        elif not self._was_ready and not any(run.pipeline.stats.received for run in line.runs):
            self._notifier.opening("the first frame has not arrived yet", self._find_faults)
        elif asked or (self._notifier.is_reloading and line.is_changing):
            self._notifier.reloading("the configuration is read again", self._find_faults)
        else:
            self._was_ready = True
            self._notifier.running(lambda: describe(line.state()), self._find_faults)

    def stop(self) -> None:
        self._notifier.stopping("the results are being completed", self._find_faults)

    def _find_faults(self) -> Sequence[object]:
        return find_stuck_stages(self._line.sessions.unfinished_runs, self._notifier.watchdog_s)
