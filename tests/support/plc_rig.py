"""A board and controls that stand for the process that inspects, without cameras."""

import dataclasses
import threading
from collections.abc import Callable, Sequence

from output_parts import run_info

from inspector.core.clock import now_ns, utc_now
from inspector.core.events import Part
from inspector.core.types import Verdict
from inspector.machine.board import StateBoard
from inspector.machine.controls import SourceCounts, TriggerMessage


def make_part(part_id: str, verdict: Verdict, *, source: str) -> Part:
    """The verdict on a part that a camera saw just now."""
    error = "it is bad" if verdict is Verdict.ERROR else None
    return Part(
        wall_time_utc=utc_now(),
        part_id=part_id,
        verdict=verdict,
        rule="any",
        sources=(source,),
        cause="dropped" if error else None,
        error=error,
        first_frame_id=0,
        last_frame_id=0,
        frames=1,
        frames_failed=0,
        frames_errored=0,
        frames_dropped=0,
        defects=0,
        sightings=0,
        score=None,
        worst_frame_id=None,
        views=(),
        newest_captured_ns=now_ns(),
    )


class PlcRig:
    """Each trigger calls `judge` with its part_id, on the thread of the server. triggers: all of
    them."""

    def __init__(self, *stations: str, expiry_s: float = 60.0) -> None:
        self.board = StateBoard(stations or ("main",), round(expiry_s * 1e9))
        self.triggers: list[TriggerMessage] = []
        self.judge: Callable[[str], None] = lambda part_id: None
        self.triggered = threading.Event()
        for name in self.board.stations:
            self.board.see_ready(name, True)

    def trigger(self, message: TriggerMessage) -> None:
        self.triggers.append(message)
        self.triggered.set()
        assert message.part_id is not None
        self.judge(message.part_id)

    def counts(self) -> Sequence[SourceCounts]:
        return ()

    def always(self, verdict: Verdict, station: str = "main") -> None:
        """Each trigger gets this verdict at once."""
        self.judge = lambda part_id: self.give(part_id, verdict, station)

    def give(self, part_id: str, verdict: Verdict, station: str = "main") -> None:
        run = dataclasses.replace(run_info(), source_name=station)
        self.board.see_part(make_part(part_id, verdict, source=station), run)
