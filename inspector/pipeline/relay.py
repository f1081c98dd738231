"""The loop of the stages preprocess, infer and measure: take tickets, work, pass them on."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from inspector.core.channel import END, Channel
from inspector.core.clock import ms_since
from inspector.core.errors import FrameError
from inspector.core.stage_items import Fault
from inspector.core.types import Inspection
from inspector.pipeline.stages import Ticket, make_error_inspection
from inspector.pipeline.stats import RunStats
from inspector.pipeline.watchdog import Watchdog

Work = Callable[[Sequence[Any]], Sequence[Any]]
"""Items -> results in the same order. A FrameError means that a frame cannot be judged."""


def catch_frame_errors(work: Callable[[Any], Any]) -> Work:
    """Makes work on several items. A FrameError is returned as the result of its item."""

    def attempt(item: Any) -> Any:
        try:
            return work(item)
        except FrameError as exc:
            return exc

    return lambda items: [attempt(item) for item in items]


@dataclass(frozen=True, slots=True)
class Relay:
    """Runs the loop of a stage.

    thresholds: of image and pixel, for frames that cannot be judged. aborted: True if the run was
    aborted; the loop then starts no more work.
    """

    stats: RunStats
    watchdog: Watchdog
    thresholds: tuple[float, float]
    aborted: Callable[[], bool]

    def run(
        self,
        stage: str,
        inbox: Channel[Ticket],
        outbox: Channel[Ticket],
        work: Work,
        at_once: int = 1,
        after: Callable[[Ticket], None] | None = None,
        before: Callable[[], None] | None = None,
    ) -> None:
        """Runs until the inbox ends. Tickets that cannot be passed on count as aborted.

        at_once: number of tickets per call of `work`. after: called with each ticket in order,
        before it is passed on, but not after an abort. before: called before each ticket is taken.
        """
        while tickets := _gather(inbox, at_once, before):
            try:
                if not self.aborted():
                    self._do(stage, tickets, work)
                    if after is not None:
                        self._follow_up(stage, tickets, after)
                    self.watchdog.end(stage)
                    # A ticket that is passed on after an abort could miss its call of `after`.
                    while tickets and not self.aborted() and outbox.put(tickets[0]):
                        tickets.popleft()
            finally:
                self.stats.count_aborted(len(tickets))
        outbox.close()

    def _do(self, stage: str, tickets: Sequence[Ticket], work: Work) -> None:
        unjudged = [ticket for ticket in tickets if not isinstance(ticket.item, Inspection)]
        if not unjudged:
            return
        start_ns = self.watchdog.begin(stage, [ticket.frame.frame_id for ticket in tickets])
        results = work([ticket.item for ticket in unjudged])
        share_ms = ms_since(start_ns) / len(unjudged)
        for ticket, result in zip(unjudged, results, strict=True):
            if isinstance(result, FrameError):
                fault = Fault(str(result), result.cause)
                result = make_error_inspection(ticket.frame, fault, self.thresholds)
            ticket.item = result
            ticket.timings_ms[stage] = share_ms

    def _follow_up(
        self, stage: str, tickets: Sequence[Ticket], after: Callable[[Ticket], None]
    ) -> None:
        """Calls `after` under the watchdog. An error names one frame; the stage holds them all."""
        for ticket in tickets:
            if self.aborted():
                return
            self.watchdog.begin(stage, [ticket.frame.frame_id], held=len(tickets))
            after(ticket)


def _gather(inbox: Channel[Ticket], most: int, before: Callable[[], None] | None) -> deque[Ticket]:
    """Waits for the next `most` tickets. Returns fewer at the end of the inbox, none after it.

    Smaller batches of the tickets that are ready would depend on the speed of the threads, and the
    last bits of a score depend on the batch.
    """
    tickets: deque[Ticket] = deque()
    if before is not None:
        before()
    while len(tickets) < most and (ticket := inbox.get()) is not END:
        assert isinstance(ticket, Ticket)
        tickets.append(ticket)
    return tickets
