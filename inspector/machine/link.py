"""Connects one run with the boards of the process."""

from collections.abc import Sequence

from inspector.core.events import Event, Part, VerdictEvent
from inspector.core.protocols import Picture
from inspector.core.types import Inspection, RunInfo
from inspector.machine.board import StateBoard


class BoardLink:
    """Passes each verdict of a run to the boards, before anything is written.

    It is a sink for the verdicts on frames, and the last event stage for the verdicts on parts.
    driven_by: see StateBoard.see_verdict().
    """

    name = "machine"

    def __init__(self, boards: Sequence[StateBoard], run: RunInfo, driven_by: str) -> None:
        self._boards, self._run, self._driven_by = boards, run, driven_by

    def announce(self, verdict: VerdictEvent) -> None:
        for board in self._boards:
            board.see_verdict(self._run.source_name, verdict, self._run, self._driven_by)

    def notice(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, Part):
                for board in self._boards:
                    board.see_part(event, self._run)

    def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
        return inspection, ()

    def flush(self) -> Sequence[Event]:
        return ()

    def open(self, run: RunInfo) -> None:
        """Nothing to do: the boards are older than the run."""

    def write(self, inspection: Inspection, picture: Picture) -> None:
        """Nothing to do: the verdict has been passed on already."""

    def close(self) -> None:
        """Nothing to do: the boards stay for the next run."""
