"""The way of a frame where nothing fails, and how a run is stopped, aborted or paused."""

import time

import numpy as np
import pytest
from pipeline_rig import Engine, ListSink, ListSource, bad, frame, pipeline, run, stage_threads

from inspector.core.types import Verdict


def test_a_file_loses_nothing_and_keeps_its_order() -> None:
    sink = ListSink()
    made = pipeline(ListSource(frame(i) for i in range(50)), [sink], Engine(lambda i: i % 2))
    run(made)
    assert sink.frame_ids == list(range(50))
    assert (made.stats.captured, made.stats.passed, made.stats.failed) == (50, 25, 25)
    assert made.stats.dropped == 0
    assert sink.closed == 1
    assert not stage_threads()


def test_a_live_source_drops_the_oldest_and_counts_it() -> None:
    sink = ListSink()
    source = ListSource((frame(i) for i in range(40)), live=True, pace_s=0.002)
    made = pipeline(source, [sink], Engine(delay_s=0.01))
    run(made)
    stats = made.stats
    assert stats.captured == 40
    assert stats.dropped_live > 0
    assert stats.captured == stats.inspected + stats.dropped + stats.errored
    assert len(sink.inspections) == stats.inspected
    assert sink.frame_ids == sorted(sink.frame_ids)


def test_a_frame_that_cannot_be_decoded_is_an_error_in_the_log_and_never_a_pass() -> None:
    sink = ListSink()
    made = pipeline(ListSource([frame(0), bad(1), frame(2)]), [sink])
    run(made)
    assert [i.verdict for i in sink.inspections] == [Verdict.PASS, Verdict.ERROR, Verdict.PASS]
    assert sink.inspections[1].error == "cannot be decoded"
    assert sink.inspections[1].score is None
    assert (made.stats.inspected, made.stats.errored) == (2, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_map_that_is_not_finite_is_an_error(value: float) -> None:
    sink = ListSink()
    run(pipeline(ListSource([frame(0)]), [sink], Engine(lambda _: value)))
    assert sink.inspections[0].verdict is Verdict.ERROR
    assert "not finite" in str(sink.inspections[0].error)


def test_a_pause_after_the_end_was_asked_for_is_not_obeyed() -> None:
    sink = ListSink()
    source = ListSource((frame(i) for i in range(10_000)), pace_s=0.001)
    made = pipeline(source, [sink])
    made.start()
    made.stop()
    made.pause(True)
    made.finish()
    assert made.stats.balanced


def test_stop_drains_what_was_captured() -> None:
    sink = ListSink()
    source = ListSource((frame(i) for i in range(10_000)), pace_s=0.001)
    made = pipeline(source, [sink])
    made.start()
    while len(sink.inspections) < 5:
        time.sleep(0.002)
    made.stop()
    made.finish()
    assert made.stats.dropped == 0
    assert made.stats.captured == len(sink.inspections) < 10_000


def test_abort_throws_away_what_is_on_its_way_and_counts_it() -> None:
    sink = ListSink()
    made = pipeline(ListSource(frame(i) for i in range(50)), [sink], Engine(delay_s=0.02))
    made.start()
    while made.stats.captured < 6:
        time.sleep(0.002)
    made.abort()
    made.finish()
    assert made.stats.dropped_abort > 0
    assert made.stats.balanced
    assert not stage_threads()


def test_a_silent_live_source_can_be_stopped() -> None:
    made = pipeline(ListSource([frame(0)], live=True, endless=True), [ListSink()])
    made.start()
    assert not made.wait(0.02)
    made.stop()
    made.finish()
    assert made.stats.inspected == 1


def test_a_paused_file_waits_and_goes_on() -> None:
    sink = ListSink()
    made = pipeline(ListSource((frame(i) for i in range(300)), pace_s=0.001), [sink])
    made.start()
    made.pause(True)
    time.sleep(0.05)
    before = made.stats.captured
    time.sleep(0.03)
    assert made.stats.captured == before
    made.pause(False)
    made.finish()
    assert len(sink.inspections) == 300


def test_the_engine_is_used_and_closed_on_its_own_thread() -> None:
    engine = Engine()
    run(pipeline(ListSource([frame(0)]), [ListSink()], engine))
    assert engine.threads == {"infer"}
    assert engine.closed == 1


def test_times_of_every_stage_are_kept() -> None:
    sink = ListSink()
    made = pipeline(ListSource([frame(0)]), [sink], Engine(delay_s=0.01))
    run(made)
    timings = sink.inspections[0].timings_ms
    assert set(timings) == {"capture", "preprocess", "infer", "measure", "latency"}
    assert timings["latency"] >= timings["infer"] >= 10
    assert made.stats.as_dict()["latency_ms"]["p50"] >= 10
