"""Tests of a run without failures, and of stop, abort and pause."""

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
    make_pipeline,
    run,
    stage_threads,
)

from inspector.core.types import Verdict


def test_a_file_loses_nothing_and_keeps_its_order() -> None:
    sink = ListSink()
    pipeline = make_pipeline(
        ListSource(frame(i) for i in range(50)), [sink], RigEngine(lambda i: i % 2)
    )
    run(pipeline)
    assert sink.frame_ids == list(range(50))
    assert (pipeline.stats.captured, pipeline.stats.passed, pipeline.stats.failed) == (50, 25, 25)
    assert pipeline.stats.dropped == 0
    assert sink.closed == 1
    assert not stage_threads()


def test_a_live_source_drops_the_oldest_and_counts_it() -> None:
    sink = ListSink()
    source = ListSource((frame(i) for i in range(40)), live=True, pace_s=0.002)
    pipeline = make_pipeline(source, [sink], RigEngine(delay_s=0.01))
    run(pipeline)
    stats = pipeline.stats
    assert stats.captured == 40
    assert stats.dropped_live > 0
    assert stats.captured == stats.inspected + stats.dropped + stats.errored
    assert len(sink.inspections) == stats.inspected
    assert sink.frame_ids == sorted(sink.frame_ids)


def test_a_frame_that_cannot_be_decoded_is_an_error_in_the_log_and_never_a_pass() -> None:
    sink = ListSink()
    pipeline = make_pipeline(ListSource([frame(0), bad(1), frame(2)]), [sink])
    run(pipeline)
    assert [i.verdict for i in sink.inspections] == [Verdict.PASS, Verdict.ERROR, Verdict.PASS]
    assert sink.inspections[1].error == "cannot be decoded"
    assert sink.inspections[1].score is None
    assert (pipeline.stats.inspected, pipeline.stats.errored) == (2, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_map_that_is_not_finite_is_an_error(value: float) -> None:
    sink = ListSink()
    run(make_pipeline(ListSource([frame(0)]), [sink], RigEngine(lambda _: value)))
    assert sink.inspections[0].verdict is Verdict.ERROR
    assert "not finite" in str(sink.inspections[0].error)


def test_a_pause_after_stop_is_ignored() -> None:
    sink = ListSink()
    source = ListSource((frame(i) for i in range(10_000)), pace_s=0.001)
    pipeline = make_pipeline(source, [sink])
    pipeline.start()
    pipeline.stop()
    pipeline.pause(True)
    pipeline.finish()
    assert pipeline.stats.balanced


def test_nothing_is_captured_between_open_and_start() -> None:
    sink = ListSink()
    pipeline = make_pipeline(ListSource(frame(i) for i in range(5)), [sink])
    pipeline.open()
    assert pipeline.reporting
    assert not pipeline.wait(0.05)
    assert pipeline.stats.captured == 0
    pipeline.start()
    pipeline.finish()
    assert sink.frame_ids == list(range(5))


@pytest.mark.parametrize("opened", [True, False])
def test_a_pipeline_that_is_stopped_before_its_start_captures_nothing(opened: bool) -> None:
    sink, engine = ListSink(), RigEngine()
    pipeline = make_pipeline(ListSource(frame(i) for i in range(5)), [sink], engine)
    if opened:
        pipeline.open()
    pipeline.stop()
    pipeline.open()
    pipeline.start()
    pipeline.finish()
    assert pipeline.stats.captured == 0
    assert sink.closed == engine.closed == opened
    assert not stage_threads()


def test_an_abort_ends_the_wait_for_an_engine() -> None:
    release = threading.Event()

    def open_slowly() -> RigEngine:
        release.wait(20)
        return RigEngine()

    pipeline = make_pipeline(ListSource([]), [ListSink()], stages={"open_engine": open_slowly})
    pipeline.open(while_waiting=pipeline.abort)
    assert not pipeline.reporting
    assert not release.is_set()
    release.set()
    pipeline.start()
    pipeline.finish()
    assert pipeline.stats.captured == 0


def test_stop_inspects_the_captured_frames() -> None:
    sink = ListSink()
    source = ListSource((frame(i) for i in range(10_000)), pace_s=0.001)
    pipeline = make_pipeline(source, [sink])
    pipeline.start()
    while len(sink.inspections) < 5:
        time.sleep(0.002)
    pipeline.stop()
    pipeline.finish()
    assert pipeline.stats.dropped == 0
    assert pipeline.stats.captured == len(sink.inspections) < 10_000


def test_abort_discards_the_frames_in_the_pipeline_and_counts_them() -> None:
    sink = ListSink()
    pipeline = make_pipeline(
        ListSource(frame(i) for i in range(50)), [sink], RigEngine(delay_s=0.02)
    )
    pipeline.start()
    while pipeline.stats.captured < 6:
        time.sleep(0.002)
    pipeline.abort()
    pipeline.finish()
    assert pipeline.stats.dropped_abort > 0
    assert pipeline.stats.balanced
    assert not stage_threads()


def test_a_silent_live_source_can_be_stopped() -> None:
    pipeline = make_pipeline(ListSource([frame(0)], live=True, endless=True), [ListSink()])
    pipeline.start()
    assert not pipeline.wait(0.02)
    pipeline.stop()
    pipeline.finish()
    assert pipeline.stats.inspected == 1


def test_a_paused_file_waits_and_resumes() -> None:
    sink = ListSink()
    pipeline = make_pipeline(ListSource((frame(i) for i in range(300)), pace_s=0.001), [sink])
    pipeline.start()
    pipeline.pause(True)
    time.sleep(0.05)
    before = pipeline.stats.captured
    time.sleep(0.03)
    assert pipeline.stats.captured == before
    pipeline.pause(False)
    pipeline.finish()
    assert len(sink.inspections) == 300


def test_the_engine_is_used_and_closed_on_the_infer_thread() -> None:
    engine = RigEngine()
    run(make_pipeline(ListSource([frame(0)]), [ListSink()], engine))
    assert engine.threads == {"infer"}
    assert engine.closed == 1


def test_times_of_every_stage_are_recorded() -> None:
    sink = ListSink()
    pipeline = make_pipeline(ListSource([frame(0)]), [sink], RigEngine(delay_s=0.01))
    run(pipeline)
    timings = sink.inspections[0].timings_ms
    assert set(timings) == {"capture", "preprocess", "infer", "measure", "latency"}
    assert timings["latency"] >= timings["infer"] >= 10
    assert pipeline.stats.as_dict()["latency_ms"]["p50"] >= 10
