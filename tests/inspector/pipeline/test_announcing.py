"""Tests of verdicts that are sent while a sink fails, hangs or closes, or while the run ends."""

import threading
from typing import Any

import pytest
from pipeline_rig import (
    Announced,
    ListSink,
    ListSource,
    RigEngine,
    frame,
    judge,
    make_pipeline,
    run,
    stage_threads,
)

from inspector.core.arrays import Image, Map
from inspector.core.errors import SinkError, StageError
from inspector.core.events import VerdictEvent
from inspector.pipeline.stages import Output

EARLY = {"judge_map": judge}
"""Verdicts are sent on the infer thread."""


class Held(Announced):
    """Its announce() of the final verdict on the frame `hold_at` waits until it is released, then
    raises `failure`."""

    def __init__(self, hold_at: int = 0, failure: Exception | None = None) -> None:
        super().__init__()
        self.entered, self.release = threading.Event(), threading.Event()
        self.closed_inside = False
        self._hold_at, self._held_failure = hold_at, failure

    def announce(self, verdict: VerdictEvent) -> None:
        if verdict.frame_id == self._hold_at and verdict.verdict is not None:
            closed = self.closed
            self.entered.set()
            self.release.wait(20)
            self.closed_inside = self.closed != closed
            if self._held_failure is not None:
                raise self._held_failure
        super().announce(verdict)


class FailsToWrite(Held):
    """Its write() fails while announce() of the frame `hold_at` runs."""

    def __init__(self, hold_at: int, failure: Exception | None) -> None:
        super().__init__(hold_at, failure)
        self.writing = threading.Event()

    def write(self, inspection: Any, picture: Any) -> None:
        self.writing.set()
        self.entered.wait(20)
        threading.Timer(0.1, self.release.set).start()
        raise SinkError("full")


@pytest.mark.parametrize("failure", [None, SinkError("no line to the machine")])
def test_a_sink_is_disabled_only_when_its_verdict_is_sent(failure: Exception | None) -> None:
    broken, other = FailsToWrite(1, failure), Announced()

    def infer_during_write(number: int) -> float:
        if number == 1:  # frame 0 is not measured while announce() runs
            broken.writing.wait(20)
        return 0.0

    source = ListSource(frame(i) for i in range(30))
    sinks = [Output(broken, fatal=False), other]
    pipeline = make_pipeline(source, sinks, RigEngine(infer_during_write), stages=EARLY)
    run(pipeline)
    assert not broken.closed_inside
    assert broken.closed == 1
    assert len(other.verdicts) == len(other.inspections) == 30


@pytest.mark.parametrize("stages", [EARLY, {}])
def test_a_sink_that_cannot_announce_and_is_not_fatal_is_disabled(stages: Any) -> None:
    broken, other = Announced(SinkError("no line to the machine")), Announced()
    source = ListSource(frame(i) for i in range(9))
    run(make_pipeline(source, [Output(broken, fatal=False), other], stages=stages))
    assert broken.inspections == []
    assert broken.closed == 1
    assert len(other.verdicts) == len(other.inspections) == 9


@pytest.mark.parametrize("end", ["abort", "failing output"])
def test_no_verdict_is_sent_after_close(end: str) -> None:
    class HeldEngine(RigEngine):
        """Its second call waits until the sinks are closed."""

        def infer(self, pixels: Image) -> tuple[Map, Map]:
            if self.sizes:
                machine_closed.wait(20)
            return super().infer(pixels)

    class Machine(Announced):
        def announce(self, verdict: VerdictEvent) -> None:
            super().announce(verdict)
            if self.closed:
                late.append(verdict.frame_id)

        def close(self) -> None:
            super().close()
            machine_closed.set()

    machine_closed, late = threading.Event(), list[int]()
    failure = SinkError("full") if end == "failing output" else None
    machine, log = Machine(), ListSink(0, failure)
    source = ListSource(frame(i) for i in range(9))
    pipeline = make_pipeline(source, [machine, log], HeldEngine(), stages=EARLY)
    pipeline.start()
    if failure is None:
        while not machine.verdicts:
            pipeline.wait(0.002)
        pipeline.abort()
        pipeline.finish()
    else:
        with pytest.raises(SinkError, match="full"):
            pipeline.finish()
    assert late == []
    assert machine.verdicts[0].frame_id == 0
    assert pipeline.stats.balanced


def test_no_verdict_is_sent_after_an_abort() -> None:
    """The engine aborts the run, so the sinks may still be open when the engine returns."""
    sink = Announced()

    def abort(_: int) -> float:
        pipeline.abort()
        return 0.0

    source = ListSource(frame(i) for i in range(9))
    pipeline = make_pipeline(source, [sink], RigEngine(abort), stages=EARLY, batch=4)
    run(pipeline)
    assert sink.verdicts == []
    assert pipeline.stats.balanced


@pytest.mark.parametrize(("stages", "stage"), [(EARLY, "infer"), ({}, "measure")])
def test_a_hanging_announce_ends_the_run_and_names_the_frame(
    monkeypatch: pytest.MonkeyPatch, stages: Any, stage: str
) -> None:
    monkeypatch.setattr("inspector.pipeline.runner.GRACE_S", 0.5)
    monkeypatch.setattr("inspector.pipeline.receiver.ANNOUNCE_GRACE_S", 0.05)
    machine, log = Held(2), ListSink()
    source = ListSource(frame(i) for i in range(6))
    pipeline = make_pipeline(source, [machine, log], stages=stages, stall_timeout_s=0.1, batch=3)
    pipeline.start()
    with pytest.raises(StageError, match=f"stage {stage} failed at frame 2: TimeoutError"):
        pipeline.finish()
    assert log.closed == 1
    assert pipeline.stats.balanced
    machine.release.set()


def test_the_frames_of_a_batch_are_counted_when_announce_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("inspector.pipeline.runner.GRACE_S", 0.3)
    machine = Held(1)
    source = ListSource(frame(i) for i in range(4))
    pipeline = make_pipeline(source, [machine], stages=EARLY, stall_timeout_s=0.1, batch=4)
    pipeline.start()
    with pytest.raises(StageError, match="stage infer failed at frame 1"):
        pipeline.finish()
    assert pipeline.stats.captured == pipeline.stats.dropped_abort == 4
    machine.release.set()


@pytest.mark.parametrize(("stages", "stage"), [(EARLY, "infer"), ({}, "measure")])
def test_an_exception_in_announce_names_its_frame(stages: Any, stage: str) -> None:
    class Breaks(Announced):
        def announce(self, verdict: VerdictEvent) -> None:
            if verdict.frame_id == 5 and verdict.verdict is not None:
                raise KeyError("boom")

    source = ListSource(frame(i) for i in range(9))
    pipeline = make_pipeline(source, [Breaks()], stages=stages, batch=4)
    pipeline.start()
    with pytest.raises(StageError, match=f"stage {stage} failed at frame 5: KeyError"):
        pipeline.finish()
    assert pipeline.stats.balanced
    assert not stage_threads()


def test_an_abort_during_announce_keeps_the_counts_balanced() -> None:
    machine = Held(1)
    source = ListSource((frame(i) for i in range(9)), endless=True)
    pipeline = make_pipeline(source, [machine], stages=EARLY, batch=4)
    pipeline.start()
    assert machine.entered.wait(20)
    pipeline.abort()
    machine.release.set()
    pipeline.finish()
    assert [verdict.frame_id for verdict in machine.verdicts] == [0, 1]
    assert pipeline.stats.balanced
    assert not stage_threads()
