"""Tests of verdicts that are sent before measuring."""

import threading
import time
from typing import Any

import numpy as np
import pytest
from pipeline_rig import (
    Announced,
    ListSink,
    ListSource,
    RigEngine,
    bad,
    fails_at,
    frame,
    judge,
    make_pipeline,
    run,
)

from inspector.core.errors import FrameError, InspectorError, SinkError
from inspector.core.geometry import Affine
from inspector.core.stage_items import EngineOutput, Fault, ModelInput
from inspector.core.types import Cause, Inspection, Verdict
from inspector.pipeline.stages import Output, infer
from inspector.processing.postprocess import Judge


def test_the_verdict_is_sent_while_an_earlier_frame_is_still_measured() -> None:
    """Measuring waits until two verdicts were sent, so they cannot depend on it."""
    sink = Announced()
    enough = threading.Event()

    def measure(output: EngineOutput) -> Inspection:
        deadline = time.monotonic() + 10
        while len(sink.verdicts) < 2 and time.monotonic() < deadline:
            time.sleep(0.001)
        if len(sink.verdicts) >= 2:
            enough.set()
        return judge(output)

    stages = {"judge": measure, "judge_map": judge}
    items = [frame(0), bad(1), frame(2), frame(3)]
    pipeline = make_pipeline(ListSource(items), [sink], fails_at(1), stages=stages)
    run(pipeline)
    assert enough.is_set()
    assert sink.written_before[:2] == [0, 0]
    assert [v.frame_id for v in sink.verdicts] == [0, 1, 2, 3]
    assert [str(v.verdict) for v in sink.verdicts] == ["PASS", "ERROR", "FAIL", "PASS"]
    assert [v.cause for v in sink.verdicts] == [None, Cause.DECODE, None, None]
    for verdict, inspection in zip(sink.verdicts, sink.inspections, strict=True):
        assert (verdict.verdict, verdict.score) == (inspection.verdict, inspection.score)
        assert verdict.judged_ns == inspection.judged_ns


def test_the_verdict_is_sent_after_measuring_if_it_depends_on_sizes() -> None:
    sink = Announced()
    run(make_pipeline(ListSource([frame(0), bad(1), frame(2)]), [sink], fails_at(0)))
    assert [str(v.verdict) for v in sink.verdicts] == ["FAIL", "ERROR", "PASS"]
    assert [v.frame_id for v in sink.verdicts] == [0, 1, 2]


@pytest.mark.parametrize("early", [True, False])
def test_a_sink_that_cannot_announce_ends_the_run(early: bool) -> None:
    stages = {"judge_map": judge} if early else {}
    sink = Announced(SinkError("no line to the machine"))
    pipeline = make_pipeline(ListSource(frame(i) for i in range(9)), [sink], stages=stages)
    pipeline.start()
    with pytest.raises(SinkError, match="no line to the machine"):
        pipeline.finish()
    assert pipeline.stats.balanced


def test_a_disabled_sink_gets_no_more_verdicts() -> None:
    class FailsToWrite(Announced):
        def write(self, inspection: Inspection, picture: Any) -> None:
            raise SinkError("full")

    broken, other = FailsToWrite(), Announced()
    source = ListSource((frame(i) for i in range(60)), pace_s=0.002)
    pipeline = make_pipeline(
        source, [Output(broken, fatal=False), other], stages={"judge_map": judge}
    )
    run(pipeline)
    assert len(broken.verdicts) < 60
    assert len(other.verdicts) == 60


def test_a_frame_that_cannot_be_judged_after_its_verdict_was_sent_ends_the_run() -> None:
    def measure(output: EngineOutput) -> Inspection:
        raise FrameError("odd", Cause.SIZE)

    stages = {"judge": measure, "judge_map": judge}
    pipeline = make_pipeline(ListSource([frame(0)]), [ListSink()], stages=stages)
    pipeline.start()
    with pytest.raises(InspectorError, match="odd"):
        pipeline.finish()
    assert pipeline.stats.balanced


@pytest.mark.parametrize(
    ("before", "no_product", "error", "cause"),
    [
        (None, "empty", "empty", Cause.NO_PRODUCT),
        (Fault("dark", Cause.HEALTH, True), "empty", "empty; dark", Cause.NO_PRODUCT),
        (Fault("frozen", Cause.STALE), "empty", "frozen", Cause.STALE),
        (None, "", "the engine gave a score that is not finite", Cause.NOT_FINITE),
    ],
)
def test_an_infinite_score_is_an_error_for_a_reason(
    before: Fault | None, no_product: str, error: str, cause: Cause
) -> None:
    class NoProduct(RigEngine):
        def infer(self, pixels: Any) -> Any:
            maps, scores = super().infer(pixels)
            return maps, np.full_like(scores, np.inf)

    model_input = ModelInput(frame(0), np.zeros((4, 4, 3), np.uint8), Affine(1, 1), before)
    (output,) = infer(NoProduct(lambda _: 0.25), no_product, [model_input])
    assert isinstance(output, EngineOutput)
    assert output.fault == Fault(error, cause)


def test_a_score_that_is_not_finite_keeps_the_map_and_its_defects() -> None:
    class NoScore(RigEngine):
        def infer(self, pixels: Any) -> Any:
            maps, scores = super().infer(pixels)
            return maps, np.full_like(scores, np.nan)

    measured: list[int] = []

    def analyze(*_: Any) -> tuple[Any, ...]:
        measured.append(1)
        return ()

    sink = ListSink()
    real = Judge(analyze, image_threshold=0.5, pixel_threshold=0.5)
    stages = {"judge": real, "judge_map": real.judge_map}
    run(make_pipeline(ListSource([frame(0)]), [sink], NoScore(lambda _: 0.25), stages=stages))
    (inspection,) = sink.inspections
    assert (inspection.verdict, inspection.cause) == (Verdict.ERROR, Cause.NOT_FINITE)
    assert inspection.score is None
    assert inspection.anomaly_map is not None
    assert measured == [1]
