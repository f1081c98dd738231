"""A board and controls that stand for the process that inspects, without cameras."""

from collections.abc import Callable, Sequence

from machine_parts import now_ms, part_event, ready_board, run_of

from inspector.core.types import Verdict
from inspector.machine.controls import SourceCounts, TriggerMessage


class PlcRig:
    """Each trigger calls `judge` with its part_id, on the thread of the server. triggers: all of
    them."""

    def __init__(self, *stations: str, expiry_ms: float = 60_000) -> None:
        self.board = ready_board(stations=stations or ("main",), expiry_ms=expiry_ms)
        self.triggers: list[TriggerMessage] = []
        self.judge: Callable[[str], None] = lambda part_id: None

    def trigger(self, message: TriggerMessage, who: str) -> None:
        self.triggers.append(message)
        assert message.part_id is not None
        self.judge(message.part_id)

    def counts(self) -> Sequence[SourceCounts]:
        return ()

    def always(self, verdict: Verdict, station: str = "main") -> None:
        """Each trigger gets this verdict at once."""
        self.judge = lambda part_id: self.give(part_id, verdict, station)

    def give(self, part_id: str, verdict: Verdict, station: str = "main") -> None:
        """The verdict on a part that a camera has seen just now."""
        cause = "dropped" if verdict is Verdict.ERROR else None
        part = part_event(part_id, verdict, captured_ms=now_ms(), cause=cause, sources=(station,))
        self.board.see_part(part, run_of(station))
