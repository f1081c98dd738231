"""Sends the verdict on each frame to the sinks that take verdicts, before anything is written."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Condition
from typing import Final

from inspector.core.clock import now_ns
from inspector.core.decisions import VerdictState
from inspector.core.errors import InspectorError
from inspector.core.events import VerdictEvent
from inspector.core.stage_items import EngineOutput
from inspector.core.types import Inspection
from inspector.pipeline.receiver import Receiver
from inspector.pipeline.relay import Relay
from inspector.pipeline.stages import Stages, Ticket

LATE_SHARE: Final = 0.7
"""Share of the deadline after which a frame counts as late. The rest is for judging it with the
sizes of its map."""

CHECK_S: Final = 1.0
"""Longest time for which run() does not notice that it was closed."""

LATE_STAGE: Final = "deadline"


@dataclass(frozen=True, slots=True)
class _Pending:
    """A frame whose final verdict was not sent yet. output: the item after infer.

    known: its inspection, if only the verdict of an earlier frame is missing. late_ns: monotonic
    time from which on it is late; None: never.
    """

    ticket: Ticket
    output: object
    known: Inspection | None
    late_ns: int | None


class Announcer:
    """Sends each verdict when it is known. Final verdicts are sent in the order of the frames.

    announce_map() runs on the infer thread. It sends the final verdict. If the sizes of this or of
    an earlier frame are missing, it sends a pending one. announce_measured() runs on the measure
    thread and sends the final verdict of a pending frame. If a deadline is set, run() does this on
    a third thread for frames that are late.

    relay: of the stages. deadline_s: longest time from the pending to the final verdict; None: no
    limit.
    """

    def __init__(
        self,
        stages: Stages,
        listeners: Sequence[Receiver],
        relay: Relay,
        deadline_s: float | None,
    ) -> None:
        self._stages = stages
        self._listeners = listeners
        self._watchdog = relay.watchdog
        self._aborted = relay.aborted
        self._image_threshold = relay.thresholds[0]
        self._late_ns = None if deadline_s is None else round(LATE_SHARE * deadline_s * 1e9)
        self._pending: deque[_Pending] = deque()
        self._changed = Condition()
        self._closed = False

    def announce_map(self, ticket: Ticket) -> None:
        """Sends the verdict on a frame whose map is ready."""
        item, early = ticket.item, None
        if isinstance(item, Inspection):
            early = item
        elif self._stages.judge_map is not None:
            assert isinstance(item, EngineOutput)
            early = self._stages.judge_map(item)
        with self._changed:
            if early is not None and not self._pending:
                self._send_final(ticket, early)
                return
            start_ns = now_ns()
            late_ns = None if self._late_ns is None else start_ns + self._late_ns
            self._send_pending(ticket, start_ns)
            self._pending.append(_Pending(ticket, item, early, late_ns))
            self._changed.notify_all()

    def announce_measured(self, ticket: Ticket) -> None:
        """Sends the final verdict on a measured frame, unless it was sent already.

        If the frame was late, its inspection becomes the one with the verdict that was sent. Then
        Stages.follow gets the inspection.
        """
        inspection = ticket.item
        assert isinstance(inspection, Inspection)
        with self._changed:
            if ticket.late is not None:
                ticket.item = ticket.late
            elif ticket.verdict is None:
                self._settle_first(inspection)
            elif ticket.verdict is not inspection.verdict:
                raise InspectorError(
                    f"measuring changed the final verdict of frame {inspection.frame_id} from "
                    f"{ticket.verdict} to {inspection.verdict}: {inspection.error}"
                )
        if self._stages.follow is not None:
            assert isinstance(ticket.item, Inspection)
            ticket.item = self._stages.follow(ticket.item)

    def run(self) -> None:
        """Sends the final verdicts of late frames, until close()."""
        while (pending := self._wait_for_late_frame()) is not None:
            ticket = pending.ticket
            # The frame counts as held by another stage.
            self._watchdog.begin(LATE_STAGE, [ticket.frame.frame_id], held=0)
            assert isinstance(pending.output, EngineOutput)
            assert self._stages.judge_late is not None
            inspection = self._stages.judge_late(pending.output)
            with self._changed:
                if self._pending and self._pending[0] is pending and not self._aborted():
                    ticket.late = inspection
                    self._settle_first(inspection)
            self._watchdog.end(LATE_STAGE)

    def close(self) -> None:
        """Ends run(). A second call does nothing. It does not wait for an announce() that hangs."""
        self._closed = True
        if self._changed.acquire(timeout=0.1):
            self._changed.notify_all()
            self._changed.release()

    def _wait_for_late_frame(self) -> _Pending | None:
        with self._changed:
            while not self._closed:
                first = self._pending[0] if self._pending else None
                left_s = CHECK_S
                if first is not None and first.late_ns is not None:
                    left_s = (first.late_ns - now_ns()) / 1e9
                    if left_s <= 0:
                        return first
                self._changed.wait(min(left_s, CHECK_S))
        return None

    def _settle_first(self, inspection: Inspection) -> None:
        """Sends the final verdict of the first pending frame, and of those that waited for it."""
        self._send_final(self._pending.popleft().ticket, inspection)
        while self._pending and (known := self._pending[0].known) is not None:
            self._send_final(self._pending.popleft().ticket, known)

    def _send_pending(self, ticket: Ticket, pending_ns: int) -> None:
        if self._listeners:
            self._send(make_pending_event(ticket, self._image_threshold, pending_ns))

    def _send_final(self, ticket: Ticket, inspection: Inspection) -> None:
        ticket.judged_ns, ticket.verdict = now_ns(), inspection.verdict
        if self._listeners:
            self._send(make_verdict_event(inspection, ticket.judged_ns))

    def _send(self, event: VerdictEvent) -> None:
        for listener in self._listeners:
            listener.announce(event)


def make_verdict_event(inspection: Inspection, judged_ns: int) -> VerdictEvent:
    """Makes the event of a final verdict. The defects need not be measured yet."""
    frame = inspection.frame
    return VerdictEvent(
        frame_id=frame.frame_id,
        verdict=inspection.verdict,
        score=inspection.score,
        image_threshold=inspection.image_threshold,
        error=inspection.error,
        cause=inspection.cause,
        pts_s=frame.pts_s,
        captured_ns=frame.captured_ns,
        judged_ns=judged_ns,
        wall_time_utc=frame.wall_time_utc,
    )


def make_pending_event(ticket: Ticket, image_threshold: float, pending_ns: int) -> VerdictEvent:
    """Makes the event of a frame whose verdict depends on sizes that are not measured yet."""
    frame, item = ticket.frame, ticket.item
    score = item.score if isinstance(item, EngineOutput | Inspection) else None
    return VerdictEvent(
        frame_id=frame.frame_id,
        verdict=None,
        score=score if score is not None and math.isfinite(score) else None,
        image_threshold=image_threshold,
        error=None,
        cause=None,
        pts_s=frame.pts_s,
        captured_ns=frame.captured_ns,
        judged_ns=pending_ns,
        wall_time_utc=frame.wall_time_utc,
        state=VerdictState.PENDING,
    )
