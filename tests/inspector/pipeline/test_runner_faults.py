"""Tests that every frame is accounted for after any failure."""

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline_rig import (
    ListSink,
    ListSource,
    RigEngine,
    bad,
    frame,
    judge,
    make_pipeline,
    preprocess,
    run,
    stage_threads,
)

from inspector.core.errors import (
    EngineError,
    FrameError,
    InspectorError,
    SinkError,
    SourceError,
    SourceLost,
    StageError,
    UnjudgedError,
)
from inspector.core.types import Cause
from inspector.pipeline.stages import Output


def test_too_many_errors_in_a_row_end_the_run() -> None:
    sink = ListSink()
    items = [bad(0), bad(1), frame(2), bad(3), bad(4), bad(5), frame(6)]
    pipeline = make_pipeline(ListSource(items), [sink], max_errored_in_a_row=3)
    pipeline.start()
    with pytest.raises(UnjudgedError, match="3 frames in a row"):
        pipeline.finish()
    assert sink.frame_ids == [0, 1, 2, 3, 4, 5]
    assert pipeline.stats.balanced


@pytest.mark.parametrize("stage", ["preprocess", "infer", "measure", "render", "open_engine"])
def test_an_error_in_a_stage_ends_the_run_closes_the_sinks_and_leaves_no_thread(stage: str) -> None:
    def boom(_: Any = None) -> Any:
        raise KeyError("boom")

    sink = ListSink()
    engine = RigEngine(lambda i: KeyError("boom") if stage == "infer" and i == 3 else 0.0)
    name = {"measure": "judge"}.get(stage, stage)
    stages = {} if stage == "infer" else {name: boom}
    pipeline = make_pipeline(
        ListSource(frame(i) for i in range(100)), [sink], engine, stages=stages
    )
    pipeline.start()
    with pytest.raises(StageError, match="boom") as caught:
        pipeline.finish()
    expected = {"render": "output", "open_engine": "infer"}.get(stage, stage)
    assert caught.value.stage == expected
    assert isinstance(caught.value.__cause__, KeyError)
    assert pipeline.stats.balanced
    assert not stage_threads()
    if stage == "open_engine":
        assert pipeline.stats.captured == 0
    else:
        assert caught.value.frame_ids == ((3,) if stage == "infer" else (0,))
        assert sink.closed == 1
        assert engine.closed == 1


def test_an_inspector_error_keeps_its_class_and_exit_code() -> None:
    def refuse() -> Any:
        raise EngineError("no such device")

    pipeline = make_pipeline(ListSource([frame(0)]), [ListSink()], stages={"open_engine": refuse})
    pipeline.start()
    with pytest.raises(EngineError) as caught:
        pipeline.finish()
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("failure", [SinkError("disk full"), ValueError("odd")])
@pytest.mark.parametrize("at", [0, 5, "open"])
def test_a_failing_sink_ends_the_run_and_all_sinks_are_closed(at: Any, failure: Exception) -> None:
    good, broken = ListSink(), ListSink(at, failure)
    pipeline = make_pipeline(ListSource(frame(i) for i in range(100)), [good, broken])
    pipeline.start()
    expected = SinkError if isinstance(failure, SinkError) else StageError
    with pytest.raises(expected):
        pipeline.finish()
    assert good.closed == broken.closed == 1
    assert pipeline.stats.balanced
    if at == 5:
        assert pipeline.stats.inspected == 5
        assert good.frame_ids[:5] == [0, 1, 2, 3, 4]
    assert not stage_threads()


def test_a_sink_that_fails_to_close_fails_the_run_and_the_others_are_closed() -> None:
    broken, good = ListSink("close", SinkError("disk full")), ListSink()
    pipeline = make_pipeline(ListSource([frame(0)]), [broken, good])
    pipeline.start()
    with pytest.raises(SinkError, match="disk full"):
        pipeline.finish()
    assert good.closed == 1


class Doomed(ListSink):
    """A sink that fails at its third write, and again at close()."""

    def __init__(self, at_close: Exception) -> None:
        super().__init__(2, SinkError("cannot write"))
        self._at_close = at_close

    def close(self) -> None:
        super().close()
        raise self._at_close


@pytest.mark.parametrize("at_close", [SinkError("cannot close"), ValueError("odd")])
def test_the_run_raises_its_first_error_and_closes_all_sinks(
    at_close: Exception,
) -> None:
    good = ListSink()
    pipeline = make_pipeline(ListSource(frame(i) for i in range(9)), [Doomed(at_close), good])
    pipeline.start()
    with pytest.raises(SinkError, match="cannot write"):
        pipeline.finish()
    assert good.closed == 1
    assert pipeline.stats.balanced


def test_a_sink_that_is_not_fatal_is_disabled_and_the_run_continues() -> None:
    good, broken = ListSink(), ListSink(2, SinkError("no space for snapshots"))
    pipeline = make_pipeline(
        ListSource(frame(i) for i in range(9)), [Output(broken, fatal=False), good]
    )
    run(pipeline)
    assert good.frame_ids == list(range(9))
    assert broken.frame_ids == [0, 1]
    assert broken.closed == 1
    assert pipeline.stats.inspected == 9


@pytest.mark.parametrize("error", [SourceLost("gone"), SourceError("too many"), OSError("odd")])
def test_the_captured_frames_of_a_lost_source_are_inspected(error: Exception) -> None:
    sink = ListSink()
    pipeline = make_pipeline(ListSource([*(frame(i) for i in range(7)), error]), [sink])
    pipeline.start()
    with pytest.raises(InspectorError) as caught:
        pipeline.finish()
    assert sink.frame_ids == list(range(7))
    assert pipeline.stats.dropped == 0
    if isinstance(error, InspectorError):
        assert caught.value is error
    else:
        assert isinstance(caught.value, StageError)


def test_a_stuck_stage_ends_the_run_instead_of_hanging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspector.pipeline.runner.GRACE_S", 0.2)
    release = threading.Event()

    def stuck(output: Any) -> Any:
        if output.frame.frame_id == 2:
            release.wait(20)
        return judge(output)

    sink = ListSink()
    pipeline = make_pipeline(
        ListSource(frame(i) for i in range(50)),
        [sink],
        stages={"judge": stuck},
        stall_timeout_s=0.1,
    )
    pipeline.start()
    with pytest.raises(StageError, match="stage measure failed at frame 2"):
        pipeline.finish()
    assert sink.frame_ids == [0, 1]
    assert sink.closed == 1
    assert pipeline.stats.balanced
    release.set()


def test_a_source_that_does_not_end_after_close_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("inspector.pipeline.runner.GRACE_S", 0.1)
    source = ListSource([], live=True, endless=True)
    source.close = lambda: None  # type: ignore[method-assign]
    pipeline = make_pipeline(source, [ListSink()])
    pipeline.start()
    pipeline.stop()
    with pytest.raises(StageError, match="did not end when it was closed"):
        pipeline.finish()
    source.closed.set()


FAULTS = st.sampled_from(["none", "bad", "frame error", "nan", "raise", "engine", "lost"])


@settings(deadline=None, max_examples=40)
@given(
    st.lists(FAULTS, max_size=12),
    st.booleans(),
    st.integers(0, 12),
    st.booleans(),
    st.integers(1, 4),
)
def test_frames_always_add_up(
    faults: list[str], live: bool, fail_at: int, sink_fails: bool, batch: int
) -> None:
    items: list[Any] = []
    for i, fault in enumerate(faults):
        items.append({"bad": bad(i), "lost": SourceLost("gone")}.get(fault, frame(i)))

    def prepare(frame: Any) -> Any:
        fault = faults[frame.frame_id]
        if fault == "frame error":
            raise FrameError("odd", Cause.SIZE)
        if fault == "raise":
            raise RuntimeError("odd")
        return preprocess(frame)

    sink = ListSink(fail_at if sink_fails else None, SinkError("full") if sink_fails else None)
    values = {"nan": np.nan, "engine": RuntimeError("odd")}
    engine = RigEngine(lambda i: values.get(faults[i], 0.0))
    source = ListSource(items, live=live)
    pipeline = make_pipeline(source, [sink], engine, stages={"preprocess": prepare}, batch=batch)
    pipeline.start()
    try:
        pipeline.finish()
    except InspectorError as exc:
        assert "do not add up" not in str(exc)
    assert pipeline.stats.balanced
    assert len(sink.inspections) == pipeline.stats.inspected + pipeline.stats.errored
    assert not stage_threads()
