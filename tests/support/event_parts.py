"""An event stage and a sink of events, for the tests of the pipeline."""

import threading
from collections.abc import Sequence
from typing import Any

from pipeline_rig import ListSink

from inspector.core.errors import SinkError
from inspector.core.events import DefectClosed, Event
from inspector.core.types import Inspection, Verdict


class FailRuns:
    """Consecutive FAIL frames are one defect, which closes with the next other frame."""

    name = "fail runs"

    def __init__(self) -> None:
        self._fails: list[Inspection] = []
        self._closed = 0
        self.threads: set[str] = set()

    def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
        self.threads.add(threading.current_thread().name)
        if inspection.verdict is Verdict.FAIL:
            self._fails.append(inspection)
            return inspection, ()
        return inspection, self._close(inspection.frame)

    def flush(self) -> Sequence[Event]:
        return self._close(self._fails[-1].frame if self._fails else None)

    def _close(self, at: Any) -> list[Event]:
        fails, self._fails = self._fails, []
        if not fails:
            return []
        self._closed += 1
        best = max(fails, key=lambda i: i.score or 0.0)
        event = DefectClosed(
            wall_time_utc=at.wall_time_utc,
            frame_id=at.frame_id,
            captured_ns=at.captured_ns,
            track_id=str(self._closed),
            first_frame_id=fails[0].frame_id,
            last_frame_id=fails[-1].frame_id,
            best_frame_id=best.frame_id,
            sightings=len(fails),
        )
        return [event]


class EventList(ListSink):
    """Stores events and inspections in their order."""

    def __init__(self, fail_at_event: int | None = None) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.order: list[str] = []
        self._fail_at_event = fail_at_event

    def write(self, inspection: Inspection, picture: Any) -> None:
        super().write(inspection, picture)
        self.order.append(f"frame {inspection.frame_id}")

    def write_event(self, event: Event) -> None:
        if len(self.events) == self._fail_at_event:
            raise SinkError("full")
        self.events.append(event)
        self.order.append(event.type)
