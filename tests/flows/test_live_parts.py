"""Tests of parts on live pipelines: silent sources, dropped frames, aborts, and broken sinks."""

import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pipeline_rig import ListSink, ListSource, RigEngine, frame, make_pipeline, run
from record_schema import check_log
from waiting import wait_for

from inspector.core.clock import now_ns
from inspector.core.errors import SourceError, StageError
from inspector.core.events import Event, Ledger, Part
from inspector.event_stages import EventStages
from inspector.outputs.json_log import JsonLogSink
from inspector.parts.book import PartBook
from inspector.parts.grouping import Grouping, SequenceGrouping, count_frames
from inspector.parts.joiner import PartJoiner
from inspector.parts.stage import PartStage
from inspector.parts.triggers import Trigger, TriggerGrouping, TriggerRules
from inspector.parts.verdict import PartRule
from inspector.pipeline.runner import Pipeline
from inspector.pipeline.stages import Output


class EventList(ListSink):
    """Stores the events."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def write_event(self, event: Event) -> None:
        self.events.append(event)

    @property
    def parts(self) -> list[Part]:
        return [event for event in self.events if isinstance(event, Part)]


def make_stage(
    make: Callable[[PartBook], Grouping], joiner: PartJoiner | None = None, source: str = "main"
) -> PartStage:
    book = PartBook(source)
    joiner = joiner or PartJoiner((source,), PartRule("any"), timeout_s=0.2)
    return PartStage(source, make(book), book, joiner, live=True)


def triggered(book: PartBook) -> TriggerGrouping:
    return TriggerGrouping(book, "run", TriggerRules(0.05, None, 0.1), live=True)


def connect(stage: PartStage, pipeline: Pipeline) -> None:
    EventStages(parts=stage).connect(pipeline)


def test_a_part_that_is_triggered_while_the_camera_is_silent_is_reported(tmp_path: Path) -> None:
    stage, events = make_stage(triggered), EventList()
    source = ListSource([frame(0)], live=True, endless=True)
    outputs = [Output(events), Output(JsonLogSink(tmp_path / "i.jsonl"))]
    pipeline = make_pipeline(source, outputs, event_stages=[stage])
    connect(stage, pipeline)
    pipeline.start()
    wait_for(lambda: events.inspections)
    stage.trigger("A", now_ns() / 1e9)
    wait_for(lambda: events.parts)
    assert (events.parts[0].part_id, events.parts[0].cause) == ("A", "not_seen")
    pipeline.stop()
    pipeline.finish()
    kinds = [r["type"] for r in check_log(tmp_path / "i.jsonl")]
    assert kinds == ["header", "verdict", "measured", "part", "ledger"]


@pytest.mark.parametrize("fails", [False, True])
def test_a_part_that_a_failed_camera_cuts_is_not_a_pass(*, fails: bool) -> None:
    def until_the_next_trigger(book: PartBook) -> TriggerGrouping:
        rules, known = TriggerRules(None, None, 0.1), [Trigger(0.0, "A")]
        return TriggerGrouping(book, "run", rules, live=False, triggers=known)

    stage, events = make_stage(until_the_next_trigger), EventList()
    items = [frame(0), frame(1), *([SourceError("the cable is cut")] if fails else [])]
    pipeline = make_pipeline(ListSource(items), [events], event_stages=[stage])
    connect(stage, pipeline)
    with pytest.raises(SourceError) if fails else contextlib.nullcontext():
        run(pipeline)
    assert [part.cause for part in events.parts] == (["incomplete"] if fails else [None])


def test_a_silent_camera_of_two_makes_the_part_an_error_in_time() -> None:
    joiner = PartJoiner(("left", "right"), PartRule("any"), timeout_s=0.2)
    sinks = {name: EventList() for name in ("left", "right")}
    pipelines = []
    for name, sink in sinks.items():
        stage = make_stage(
            lambda book: SequenceGrouping(book, count_frames("run", 1)), joiner, name
        )
        frames = [frame(0), frame(1)] if name == "left" else [frame(0)]
        source = ListSource(frames, live=True, endless=True, pace_s=0.02)
        pipeline = make_pipeline(source, [sink], event_stages=[stage])
        connect(stage, pipeline)
        pipelines.append(pipeline)
    for pipeline in pipelines:
        pipeline.start()
    wait_for(lambda: len(sinks["left"].parts + sinks["right"].parts) == 2)
    for pipeline in pipelines:
        pipeline.stop()
    for pipeline in pipelines:
        pipeline.finish()
    events = sinks["left"].events + sinks["right"].events
    parts = [event for event in events if isinstance(event, Part)]
    assert {p.part_id: p.cause for p in parts} == {"run/p1": None, "run/p2": "missing_source"}
    assert sum(isinstance(event, Ledger) for event in events) == 1


def test_parts_of_dropped_frames_are_errors_and_every_captured_frame_is_a_part() -> None:
    stage, events = make_stage(lambda b: SequenceGrouping(b, count_frames("run", 1))), EventList()
    source = ListSource((frame(i) for i in range(60)), live=True, pace_s=0.002)
    pipeline = make_pipeline(source, [events], RigEngine(delay_s=0.02), event_stages=[stage])
    connect(stage, pipeline)
    run(pipeline)
    stats, totals = pipeline.stats, stage.joiner.totals
    assert stats.dropped > 0
    assert totals.total == len(events.parts) == stats.captured == 60
    assert totals.errored_by_cause == {"dropped": stats.dropped}
    assert [p.part_id for p in events.parts] == [f"run/p{n + 1}" for n in range(60)]


def test_an_aborted_run_reports_the_parts_of_its_dropped_frames() -> None:
    stage, events = make_stage(lambda b: SequenceGrouping(b, count_frames("run", 1))), EventList()
    source = ListSource((frame(i) for i in range(10_000)), pace_s=0.001)
    pipeline = make_pipeline(source, [events], RigEngine(delay_s=0.005), event_stages=[stage])
    connect(stage, pipeline)
    pipeline.start()
    wait_for(lambda: len(events.inspections) > 5)
    pipeline.abort()
    pipeline.finish()
    passed = [p for p in events.parts if p.verdict == "PASS"]
    assert len(passed) == len(events.inspections)
    assert pipeline.stats.captured - 1 <= stage.joiner.totals.total <= pipeline.stats.captured


@pytest.mark.parametrize("live", [True, False])
def test_only_a_live_stage_ends_parts_by_time(live: bool) -> None:
    book = PartBook("main")
    joiner = PartJoiner(("main",), PartRule("any"), timeout_s=0.0)
    stage = PartStage("main", triggered(book), book, joiner, live=live)
    stage.trigger("A", now_ns() / 1e9 - 10)
    assert len(stage.tick()) == live


def test_a_tick_that_hangs_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspector.pipeline.runner.GRACE_S", 0.2)
    release = threading.Event()

    class Hangs(PartStage):
        def tick(self) -> Sequence[Event]:
            release.wait(20)
            return ()

    book = PartBook("main")
    joiner = PartJoiner(("main",), PartRule("any"), timeout_s=1.0)
    stage = Hangs("main", triggered(book), book, joiner, live=True)
    source = ListSource([frame(0)], live=True, endless=True)
    pipeline = make_pipeline(source, [ListSink()], event_stages=[stage], stall_timeout_s=0.3)
    pipeline.start()
    with pytest.raises(StageError, match="stage output failed: TimeoutError"):
        pipeline.finish()
    release.set()
