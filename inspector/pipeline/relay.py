"""The common loop of preprocess, infer and measure: take tickets, work on them, hand them on."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from inspector.core.channel import END, Channel
from inspector.core.clock import ms_since
from inspector.core.errors import FrameError
from inspector.core.types import Fault, Inspection
from inspector.pipeline.stages import Ticket, errored
from inspector.pipeline.stats import RunStats
from inspector.pipeline.watchdog import Watchdog

Work = Callable[[Sequence[Any]], Sequence[Any]]
"""Items -> what each became, in their order: a FrameError for a frame that cannot be judged."""


def each(work: Callable[[Any], Any]) -> Work:
    """Work on one item as work on several."""

    def attempt(item: Any) -> Any:
        try:
            return work(item)
        except FrameError as exc:
            return exc

    return all_of(attempt)


def all_of(work: Callable[[Any], Any]) -> Work:
    """The same, but a FrameError ends the run."""
    return lambda items: [work(item) for item in items]


@dataclass(frozen=True, slots=True)
class Relay:
    """thresholds: of image and pixel, for frames that cannot be judged. aborted: the run is to end
    now, so nothing more is begun."""

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
    ) -> None:
        """Until the inbox ends. What is not handed on is counted as thrown away. after: called with
        each ticket, in order, before it is handed on."""
        while tickets := _gather(inbox, at_once):
            try:
                if not self.aborted():
                    self._do(stage, tickets, work)
                    if after is not None:
                        for ticket in tickets:
                            after(ticket)
                    while tickets and outbox.put(tickets[0]):
                        tickets.popleft()
            finally:
                self.stats.thrown_away(len(tickets))
        outbox.close()

    def _do(self, stage: str, tickets: Sequence[Ticket], work: Work) -> None:
        unjudged = [ticket for ticket in tickets if not isinstance(ticket.item, Inspection)]
        if not unjudged:
            return
        start_ns = self.watchdog.begin(stage, [ticket.frame.frame_id for ticket in tickets])
        results = work([ticket.item for ticket in unjudged])
        self.watchdog.end(stage)
        share_ms = ms_since(start_ns) / len(unjudged)
        for ticket, result in zip(unjudged, results, strict=True):
            if isinstance(result, FrameError):
                fault = Fault(str(result), result.cause)
                result = errored(ticket.frame, fault, self.thresholds)
            ticket.item = result
            ticket.timings_ms[stage] = share_ms


def _gather(inbox: Channel[Ticket], most: int) -> deque[Ticket]:
    """The next `most` tickets, waited for; fewer where the inbox ends, none after it.

    Taking what is there instead would make batches, and with them the last bits of scores, depend
    on which thread is faster today.
    """
    tickets: deque[Ticket] = deque()
    while len(tickets) < most and (ticket := inbox.get()) is not END:
        assert isinstance(ticket, Ticket)
        tickets.append(ticket)
    return tickets
