"""Tests of batches of frames on files."""

import threading
import time

import numpy as np
import pytest
from pipeline_rig import (
    ListSink,
    ListSource,
    RigEngine,
    bad,
    frame,
    judge,
    make_pipeline,
    run,
    stage_threads,
)
from waiting import wait_for

from inspector.core.arrays import Image, Map
from inspector.core.errors import StageError
from inspector.core.stage_items import EngineOutput
from inspector.core.types import Inspection, Verdict


class HeldEngine(RigEngine):
    """An engine whose first call waits until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.release = threading.Event(), threading.Event()

    def infer(self, pixels: Image) -> tuple[Map, Map]:
        self.entered.set()
        self.release.wait(20)
        return super().infer(pixels)


def test_a_file_is_inspected_in_batches_in_order_and_the_last_may_be_smaller() -> None:
    sink, engine = ListSink(), RigEngine(lambda i: i % 3)
    pipeline = make_pipeline(ListSource(frame(i) for i in range(10)), [sink], engine, batch=4)
    run(pipeline)
    assert engine.sizes == [4, 4, 2]
    assert sink.frame_ids == list(range(10))
    assert [i.score for i in sink.inspections] == [i % 3 for i in range(10)]
    assert pipeline.stats.captured == pipeline.stats.inspected == 10


def test_a_live_source_is_never_inspected_in_batches() -> None:
    engine = RigEngine(delay_s=0.002)
    source = ListSource((frame(i) for i in range(20)), live=True, pace_s=0.001)
    pipeline = make_pipeline(source, [ListSink()], engine, batch=4)
    run(pipeline)
    assert set(engine.sizes) == {1}
    assert pipeline.stats.balanced


def test_frames_that_cannot_be_decoded_keep_their_order_in_a_batch() -> None:
    sink, engine = ListSink(), RigEngine()
    items = [frame(0), bad(1), frame(2), bad(3), bad(4), bad(5), frame(6), bad(7)]
    pipeline = make_pipeline(ListSource(items), [sink], engine, batch=3)
    run(pipeline)
    assert engine.sizes == [2, 1]
    assert sink.frame_ids == list(range(8))
    errors = [i.error for i in sink.inspections]
    assert errors == [None if i in (0, 2, 6) else "cannot be decoded" for i in range(8)]
    assert all("infer" not in i.timings_ms for i in sink.inspections if i.error)
    assert (pipeline.stats.inspected, pipeline.stats.errored) == (3, 5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_map_that_is_not_finite_is_an_error_of_its_frame_only(value: float) -> None:
    sink = ListSink()
    pipeline = make_pipeline(
        ListSource(frame(i) for i in range(6)),
        [sink],
        RigEngine(lambda i: value if i == 1 else 1.0),
        batch=3,
    )
    run(pipeline)
    verdicts = [i.verdict for i in sink.inspections]
    assert verdicts == [Verdict.FAIL, Verdict.ERROR, *[Verdict.FAIL] * 4]
    assert "not finite" in str(sink.inspections[1].error)


def test_an_error_of_the_engine_ends_the_run_and_names_the_frames_of_the_batch() -> None:
    sink = ListSink()
    engine = RigEngine(lambda i: KeyError("boom") if i == 5 else 0.0)
    pipeline = make_pipeline(ListSource(frame(i) for i in range(50)), [sink], engine, batch=4)
    pipeline.start()
    with pytest.raises(StageError, match="stage infer failed in frames 4 to 7: KeyError") as caught:
        pipeline.finish()
    assert caught.value.frame_ids == (4, 5, 6, 7)
    assert set(sink.frame_ids) <= {0, 1, 2, 3}
    assert pipeline.stats.balanced
    assert not stage_threads()


def test_stop_ends_the_wait_for_a_full_batch_and_inspects_its_frames() -> None:
    sink, engine = ListSink(), RigEngine()
    pipeline = make_pipeline(
        ListSource([frame(0), frame(1)], endless=True), [sink], engine, batch=8
    )
    pipeline.start()
    wait_for(lambda: pipeline.stats.captured == 2)
    pipeline.stop()
    pipeline.finish()
    assert engine.sizes == [2]
    assert sink.frame_ids == [0, 1]
    assert pipeline.stats.dropped == 0


def test_abort_discards_a_partial_batch_and_counts_it() -> None:
    sink, engine = ListSink(), RigEngine()
    pipeline = make_pipeline(ListSource([frame(0), bad(1)], endless=True), [sink], engine, batch=8)
    pipeline.start()
    wait_for(lambda: pipeline.stats.captured == 2)
    pipeline.abort()
    pipeline.finish()
    assert engine.sizes == []
    assert sink.inspections == []
    assert pipeline.stats.dropped_abort == 2
    assert not stage_threads()


def test_abort_while_the_engine_runs_discards_its_batch_and_counts_it() -> None:
    sink, engine = ListSink(), HeldEngine()
    pipeline = make_pipeline(ListSource(frame(i) for i in range(100)), [sink], engine, batch=4)
    pipeline.start()
    assert engine.entered.wait(10)
    pipeline.abort()
    engine.release.set()
    pipeline.finish()
    assert engine.sizes == [4]
    assert pipeline.stats.captured == pipeline.stats.dropped_abort >= 4


def test_a_paused_file_does_not_count_as_stuck_while_its_batch_is_not_full() -> None:
    sink = ListSink()
    source = ListSource((frame(i) for i in range(3)), pace_s=0.02)
    pipeline = make_pipeline(source, [sink], batch=8, stall_timeout_s=0.01)
    pipeline.start()
    pipeline.pause(True)
    time.sleep(0.15)
    assert not pipeline.wait(0.0)
    pipeline.pause(False)
    pipeline.finish()
    assert sink.frame_ids == [0, 1, 2]


def test_the_next_batch_fills_while_the_engine_runs_and_no_more_than_that() -> None:
    engine = HeldEngine()
    pipeline = make_pipeline(
        ListSource(frame(i) for i in range(100)), [ListSink()], engine, batch=5
    )
    pipeline.start()
    # In the engine, before the engine, in preprocess, before preprocess, in capture.
    most = 5 + 5 + 1 + 1 + 1
    wait_for(lambda: pipeline.stats.captured == most)
    time.sleep(0.02)
    assert pipeline.stats.captured == most
    engine.release.set()
    pipeline.finish()
    assert pipeline.stats.inspected == 100


def test_the_engine_runs_while_its_last_batch_is_measured() -> None:
    measured, engine = threading.Event(), RigEngine()

    def measure_when_released(output: EngineOutput) -> Inspection:
        measured.wait(20)
        return judge(output)

    pipeline = make_pipeline(
        ListSource(frame(i) for i in range(12)),
        [ListSink()],
        engine,
        stages={"judge": measure_when_released},
        batch=4,
    )
    pipeline.start()
    wait_for(lambda: engine.sizes == [4, 4])
    measured.set()
    pipeline.finish()


def test_a_batch_may_take_the_stall_timeout_of_each_of_its_frames() -> None:
    pipeline = make_pipeline(
        ListSource(frame(i) for i in range(4)),
        [ListSink()],
        RigEngine(delay_s=0.3),
        batch=4,
        stall_timeout_s=0.2,
    )
    run(pipeline)
    assert pipeline.stats.inspected == 4


def test_a_stuck_batch_ends_the_run_and_all_its_frames_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("inspector.pipeline.runner.GRACE_S", 0.2)
    engine = HeldEngine()
    pipeline = make_pipeline(
        ListSource([frame(0), bad(1), frame(2), frame(3)]),
        [ListSink()],
        engine,
        batch=4,
        stall_timeout_s=0.02,
    )
    pipeline.start()
    with pytest.raises(StageError, match=r"frames 0 to 3: TimeoutError: no result after 0\.08 s"):
        pipeline.finish()
    assert (pipeline.stats.captured, pipeline.stats.dropped_abort) == (4, 4)
    engine.release.set()


def test_the_time_of_a_batch_is_shared_equally_by_its_frames() -> None:
    sink = ListSink()
    items = [frame(0), frame(1), bad(2), frame(3)]
    pipeline = make_pipeline(ListSource(items), [sink], RigEngine(delay_s=0.06), batch=4)
    run(pipeline)
    shares = [i.timings_ms["infer"] for i in sink.inspections if not i.error]
    assert len(shares) == 3
    assert shares[0] == shares[1] == shares[2] >= 20
    latencies = [i.timings_ms["latency"] for i in sink.inspections]
    assert min(latencies) >= 60
    assert sum(shares) <= max(latencies)
    assert pipeline.stats.stages["infer"].mean * 3 == pytest.approx(sum(shares))


def test_a_stored_map_does_not_keep_the_maps_of_its_batch_in_memory() -> None:
    maps: list[Map] = []

    def judge_and_store(output: EngineOutput) -> Inspection:
        maps.append(output.anomaly_map)
        return judge(output)

    run(
        make_pipeline(
            ListSource(frame(i) for i in range(4)),
            [ListSink()],
            RigEngine(float),
            stages={"judge": judge_and_store},
            batch=4,
        )
    )
    assert [m.base for m in maps] == [None] * 4
    assert [float(m.max()) for m in maps] == [0, 1, 2, 3]
