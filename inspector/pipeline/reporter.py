"""Passes each inspection in order to event stages, sinks and observers, on the output thread."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from inspector.core.channel import END, Channel, End
from inspector.core.clock import ms_since
from inspector.core.errors import InspectorError, SinkError, UnjudgedError
from inspector.core.events import Event
from inspector.core.protocols import (
    CompletingSink,
    EventSink,
    EventStage,
    NoticingStage,
    Picture,
    TimedStage,
    VerdictSink,
    WatchingSink,
)
from inspector.core.types import Inspection, RunInfo
from inspector.pipeline.background import Background, BackgroundSink
from inspector.pipeline.error_streak import ErrorStreak
from inspector.pipeline.receiver import Receiver
from inspector.pipeline.stages import Output, Stages, Ticket
from inspector.pipeline.stats import RunStats
from inspector.pipeline.watchdog import Watchdog

TICK_S: Final = 0.1
"""Time without an inspection after which the stages with a tick() are called."""

Observer = Callable[[Inspection, Picture], None]
"""Called on the output thread after the sinks."""


class Reporter:
    """Numbers the records of a run and passes them to the outputs.

    Every inspection takes two numbers, for its `verdict` and its `measured` record. Every event
    takes one number. Number 0 is the header of the log. close_sink: closes the sink of an output
    and raises nothing. listeners: the sinks that take verdicts. background: the outputs that get
    each inspection at the end, on another thread.
    """

    def __init__(
        self,
        run: RunInfo,
        outputs: Sequence[Output],
        stages: Stages,
        event_stages: Sequence[EventStage],
        observers: Sequence[Observer],
        close_sink: Callable[[Output], None],
    ) -> None:
        self._run = run
        self._receivers = [Receiver(output, close_sink) for output in outputs]
        self.listeners = [r for r in self._receivers if isinstance(r.sink, VerdictSink)]
        self._completing = [
            (receiver, receiver.sink)
            for receiver in self._receivers
            if isinstance(receiver.sink, CompletingSink)
        ]
        self._writers = [r for r in self._receivers if not isinstance(r.sink, BackgroundSink)]
        self.background = Background(self._receivers)
        self._stages = stages
        self._event_stages = event_stages
        self._observers = observers
        self._next_seq = 1
        timed = any(isinstance(stage, TimedStage) for stage in event_stages)
        self._tick_s = TICK_S if timed else None

    def open(self) -> None:
        for receiver in self._receivers:
            receiver.attempt(partial(receiver.sink.open, self._run))

    def report_all(
        self, channel: Channel[Ticket], watchdog: Watchdog, stats: RunStats, streak: ErrorStreak
    ) -> UnjudgedError | None:
        """Reports until the channel ends. Returns an error after too many ERROR frames in a row."""
        while (ticket := self._take(channel, watchdog)) is not END:
            start_ns = watchdog.begin("output", [ticket.frame.frame_id])
            lost = 1
            try:
                inspection = self.report(ticket)
                watchdog.end("output")
                stats.count_inspection(inspection, output_ms=ms_since(start_ns))
                lost = 0
            finally:
                stats.count_aborted(lost)
            if (error := streak.add(inspection)) is not None:
                return error
        return None

    def report(self, ticket: Ticket) -> Inspection:
        """Passes an inspection and its events to event stages, sinks and observers."""
        assert isinstance(ticket.item, Inspection)
        inspection = replace(
            ticket.item,
            timings_ms=ticket.timings_ms,
            judged_ns=ticket.judged_ns,
            seq=self._take_numbers(2),
        )
        inspection, events = self._pass_stages(inspection)
        for receiver, sink in self._completing:
            inspection = receiver.attempt(partial(sink.complete, inspection)) or inspection
        ticket.timings_ms["latency"] = ms_since(ticket.frame.captured_ns)
        picture = self._stages.render(inspection)
        for receiver in self._writers:
            receiver.attempt(partial(receiver.sink.write, inspection, picture))
        self._write_events(events)
        for observe in self._observers:
            observe(inspection, picture)
        self.background.add(inspection, picture)
        return inspection

    def flush(self) -> None:
        """Writes the events that are still open at the end."""
        for number, stage in enumerate(self._event_stages):
            self._pass_on(stage.flush(), number)

    def _take(self, channel: Channel[Ticket], watchdog: Watchdog) -> Ticket | End:
        """Waits for the next ticket and returns it. Calls tick() of the stages while it waits."""
        while (ticket := channel.get(self._tick_s)) is None:
            watchdog.begin("output", ())
            self._tick()
            watchdog.end("output")
        return ticket

    def _tick(self) -> None:
        for number, stage in enumerate(self._event_stages):
            if isinstance(stage, TimedStage):
                self._pass_on(stage.tick(), number)

    def find_failure(self) -> SinkError | None:
        """The first failure of a sink that fails between two inspections."""
        failures = (
            receiver.sink.failure()
            for receiver in self._receivers
            if isinstance(receiver.sink, WatchingSink)
        )
        return next((failure for failure in failures if failure is not None), None)

    def close(self) -> None:
        """Closes every sink. The last one that was opened is closed first."""
        for receiver in self._receivers:
            receiver.begin_close()
        for receiver in reversed(self._receivers):
            receiver.close()

    def _pass_stages(self, inspection: Inspection) -> tuple[Inspection, list[Event]]:
        events: list[Event] = []
        verdict = inspection.verdict
        for number, stage in enumerate(self._event_stages):
            inspection, more = stage.see(inspection)
            self._notify(more, number)
            events += more
            if inspection.verdict is not verdict:
                frame = f"frame {inspection.frame_id}"
                raise InspectorError(f"stage {stage.name} changed the final verdict of {frame}")
        return inspection, events

    def _pass_on(self, events: Sequence[Event], number: int) -> None:
        """number: of the stage that emits the events."""
        self._notify(events, number)
        self._write_events(events)

    def _notify(self, events: Sequence[Event], number: int) -> None:
        """Tells the stages after this one about its events."""
        if events:
            for stage in self._event_stages[number + 1 :]:
                if isinstance(stage, NoticingStage):
                    stage.notice(events)

    def _write_events(self, events: Sequence[Event]) -> None:
        for event in events:
            event = replace(event, seq=self._take_numbers(1))
            for receiver, completing in self._completing:
                event = receiver.attempt(partial(completing.complete_event, event)) or event
            for receiver in self._receivers:
                if isinstance(sink := receiver.sink, EventSink):
                    receiver.attempt(partial(sink.write_event, event))

    def _take_numbers(self, count: int) -> int:
        """Reserves `count` numbers and returns the first."""
        first = self._next_seq
        self._next_seq += count
        return first
