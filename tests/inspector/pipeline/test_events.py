"""Tests of stages that emit events."""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from event_parts import EventList, FailRuns
from pipeline_rig import (
    ListSink,
    ListSource,
    RigEngine,
    bad,
    fails_at,
    frame,
    make_pipeline,
    run,
)
from record_schema import check_log

from inspector.core.errors import InspectorError, SinkError, StageError, UnjudgedError
from inspector.core.events import Event
from inspector.core.types import Inspection, Verdict
from inspector.outputs.json_log import JsonLogSink, read_log
from inspector.pipeline.stages import Output


class ClosesAtTheEnd(FailRuns):
    """All FAIL frames of the run are one defect."""

    def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
        if inspection.verdict is Verdict.FAIL:
            self._fails.append(inspection)
        return inspection, ()


class Waiting(ListSink):
    """A sink that waits at its end. It adds its calls to a list."""

    def __init__(self, name: str, calls: list[str]) -> None:
        super().__init__()
        self.name, self._calls = name, calls

    def begin_close(self) -> None:
        self._calls.append(f"begin {self.name}")

    def close(self) -> None:
        super().close()
        self._calls.append(f"close {self.name}")


def test_all_sinks_begin_to_close_before_the_first_is_closed() -> None:
    calls: list[str] = []
    run(make_pipeline(ListSource([frame(0)]), [Waiting(name, calls) for name in "ab"]))
    assert calls == ["begin a", "begin b", "close b", "close a"]


def test_a_stage_emits_an_event_when_something_ends_and_at_the_end_of_the_run() -> None:
    stage, events, plain = FailRuns(), EventList(), ListSink()
    source = ListSource(frame(i) for i in range(8))
    run(make_pipeline(source, [plain, events], fails_at(1, 2, 5, 7), event_stages=[stage]))
    assert events.order == [
        *("frame 0", "frame 1", "frame 2", "frame 3", "defect_closed"),
        *("frame 4", "frame 5", "frame 6", "defect_closed", "frame 7", "defect_closed"),
    ]
    spans = [(e.first_frame_id, e.last_frame_id, e.best_frame_id) for e in events.events]
    assert spans == [(1, 2, 2), (5, 5, 5), (7, 7, 7)]
    assert plain.frame_ids == list(range(8))
    assert stage.threads == {"output"}


def test_the_log_holds_inspections_and_events_in_order_with_numbers(tmp_path: Path) -> None:
    path = tmp_path / "i.jsonl"
    items = [frame(0), bad(1), frame(2), frame(3)]
    engine = RigEngine(lambda i: [1.0, 0.0, np.nan][i])
    outputs = [Output(JsonLogSink(path))]
    run(make_pipeline(ListSource(items), outputs, engine, event_stages=[FailRuns()]))
    records = check_log(path)
    both = ["verdict", "measured"]
    assert [r["type"] for r in records] == ["header", *both, *both, "defect_closed", *both, *both]
    assert [r["frame_id"] for r in records] == [None, 0, 0, 1, 1, 1, 2, 2, 3, 3]
    assert [r["cause"] for r in read_log(path)[1]] == [None, "decode", None, "not_finite"]
    for record in read_log(path)[1]:
        assert record["judged_ns"] >= record["captured_ns"]


def test_a_stage_may_change_defects_before_the_sinks_see_them() -> None:
    class Marks(FailRuns):
        def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
            return replace(inspection, timings_ms={"marked": 1.0}), ()

    sink = ListSink()
    run(make_pipeline(ListSource([frame(0)]), [sink], event_stages=[Marks()]))
    assert sink.inspections[0].timings_ms == {"marked": 1.0}


def test_a_stage_must_not_change_a_verdict_that_was_sent() -> None:
    class Pardons(FailRuns):
        def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
            return replace(inspection, verdict=Verdict.PASS), ()

    sink = ListSink()
    source = ListSource([frame(0), frame(1)])
    pipeline = make_pipeline(source, [sink], fails_at(1), event_stages=[Pardons()])
    pipeline.start()
    with pytest.raises(InspectorError, match="fail runs changed the final verdict of frame 1"):
        pipeline.finish()
    assert sink.frame_ids == [0]
    assert pipeline.stats.balanced


def test_open_events_are_written_when_the_run_is_aborted() -> None:
    events = EventList()
    source = ListSource((frame(i) for i in range(10_000)), pace_s=0.001)
    pipeline = make_pipeline(source, [events], RigEngine(lambda _: 1.0), event_stages=[FailRuns()])
    pipeline.start()
    while len(events.inspections) < 5:
        time.sleep(0.002)
    pipeline.abort()
    pipeline.finish()
    (event,) = events.events
    assert (event.first_frame_id, event.sightings) == (0, len(events.inspections))


def test_open_events_are_written_when_too_many_frames_are_errors() -> None:
    events = EventList()
    items = [frame(0), bad(1), bad(2), frame(3)]
    pipeline = make_pipeline(
        *(ListSource(items), [events], RigEngine(lambda _: 1.0)),
        event_stages=[ClosesAtTheEnd()],
        max_errored_in_a_row=2,
    )
    pipeline.start()
    with pytest.raises(UnjudgedError):
        pipeline.finish()
    assert events.order == ["frame 0", "frame 1", "frame 2", "defect_closed"]


def test_an_error_at_the_end_does_not_replace_the_first_error() -> None:
    items = [frame(0), bad(1), bad(2)]
    pipeline = make_pipeline(
        *(ListSource(items), [EventList(fail_at_event=0)], RigEngine(lambda _: 1.0)),
        event_stages=[ClosesAtTheEnd()],
        max_errored_in_a_row=2,
    )
    pipeline.start()
    with pytest.raises(UnjudgedError):
        pipeline.finish()
    assert pipeline.stats.balanced


def test_a_stage_that_hangs_at_the_end_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspector.pipeline.runner.GRACE_S", 0.2)
    release = threading.Event()

    class Hangs(FailRuns):
        def flush(self) -> Sequence[Event]:
            release.wait(20)
            return ()

    source = ListSource([frame(0)])
    pipeline = make_pipeline(source, [ListSink()], event_stages=[Hangs()], stall_timeout_s=0.1)
    pipeline.start()
    with pytest.raises(StageError, match="stage output failed: TimeoutError"):
        pipeline.finish()
    release.set()


def test_a_stage_that_raises_ends_the_run_and_frames_add_up() -> None:
    class BrokenStage(FailRuns):
        def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
            raise KeyError("boom")

    sink = ListSink()
    pipeline = make_pipeline(
        ListSource(frame(i) for i in range(9)), [sink], event_stages=[BrokenStage()]
    )
    pipeline.start()
    with pytest.raises(StageError, match="stage output failed at frame 0: KeyError"):
        pipeline.finish()
    assert pipeline.stats.balanced
    assert sink.closed == 1


@pytest.mark.parametrize("fatal", [True, False])
def test_a_sink_that_fails_on_an_event_is_treated_like_one_that_fails_on_a_frame(
    fatal: bool,
) -> None:
    broken, other = EventList(fail_at_event=0), EventList()
    outputs = [Output(broken, fatal=fatal), other]
    source = ListSource(frame(i) for i in range(8))
    pipeline = make_pipeline(source, outputs, fails_at(1, 5), event_stages=[FailRuns()])
    pipeline.start()
    if fatal:
        with pytest.raises(SinkError, match="full"):
            pipeline.finish()
    else:
        pipeline.finish()
        assert len(other.events) == 2
        assert other.frame_ids == list(range(8))
    assert broken.closed == 1
    assert pipeline.stats.balanced
