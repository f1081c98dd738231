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
)

from inspector.core.arrays import Image, Map
from inspector.core.errors import SinkError
from inspector.core.events import VerdictEvent
from inspector.pipeline.stages import Output

EARLY = {"judge_map": judge}
"""Verdicts are sent on the infer thread."""


class Held(Announced):
    """Its announce() of the frame `hold_at` waits until it is released, then raises `failure`."""

    def __init__(self, hold_at: int = 0, failure: Exception | None = None) -> None:
        super().__init__()
        self.entered, self.release = threading.Event(), threading.Event()
        self.closed_inside = False
        self._hold_at, self._held_failure = hold_at, failure

    def announce(self, verdict: VerdictEvent) -> None:
        if verdict.frame_id == self._hold_at:
            closed = self.closed
            self.entered.set()
            self.release.wait(20)
            self.closed_inside = self.closed != closed
            if self._held_failure is not None:
                raise self._held_failure
        super().announce(verdict)


class FailsToWrite(Held):
    """Its write() fails while announce() of the frame `hold_at` runs."""

    def write(self, inspection: Any, picture: Any) -> None:
        self.entered.wait(20)
        threading.Timer(0.1, self.release.set).start()
        raise SinkError("full")


@pytest.mark.parametrize("failure", [None, SinkError("no line to the machine")])
def test_a_sink_is_disabled_only_when_its_verdict_is_sent(failure: Exception | None) -> None:
    broken, other = FailsToWrite(1, failure), Announced()
    source = ListSource(frame(i) for i in range(30))
    pipeline = make_pipeline(source, [Output(broken, fatal=False), other], stages=EARLY)
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
