"""Tests of outputs that are written in the background, after verdict and log."""

import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
from output_parts import FlatPicture
from pipeline_rig import (
    Announced,
    ListSink,
    ListSource,
    RigEngine,
    fails_at,
    frame,
    judge,
    make_pipeline,
    run,
    stage_threads,
)

from inspector.core.errors import SinkError, StageError
from inspector.core.events import VerdictEvent
from inspector.core.file_hash import FileState, state_of
from inspector.core.geometry import Affine
from inspector.core.protocols import Picture
from inspector.core.stage_items import EngineOutput
from inspector.core.types import Frame, Inspection
from inspector.pipeline import background
from inspector.pipeline.background import PLACES, BackgroundSink
from inspector.pipeline.runner import Pipeline
from inspector.pipeline.stages import Output

FLAT = FlatPicture()
ZEROS = np.zeros((4, 4), np.float32)


class Machine(Announced):
    """Adds the verdict and the line of each frame to `steps`."""

    def __init__(self, steps: list[tuple[str, int]]) -> None:
        super().__init__()
        self.logged = threading.Semaphore(0)
        self._steps = steps

    def announce(self, verdict: VerdictEvent) -> None:
        super().announce(verdict)
        self._steps.append(("verdict", verdict.frame_id))

    def write(self, inspection: Inspection, picture: Picture) -> None:
        super().write(inspection, picture)
        self._steps.append(("log", inspection.frame_id))
        self.logged.release()


class Video(ListSink):
    """Begins to write its first frame, then waits for `release`."""

    name = "video"

    def __init__(self, steps: list[tuple[str, int]], failure: SinkError | None = None) -> None:
        super().__init__(0, failure)
        self.began, self.release = threading.Event(), threading.Event()
        self._steps = steps

    def write(self, inspection: Inspection, picture: Picture) -> None:
        self._steps.append(("video", inspection.frame_id))
        self.began.set()
        assert self.release.wait(20)
        super().write(inspection, picture)


def one_by_one(count: int, machine: Machine, video: Video) -> Iterator[Frame]:
    """Gives a frame when the frame before it is logged, so that none is dropped. The video works on
    frame 0 then."""
    for number in range(count):
        yield frame(number)
        assert machine.logged.acquire(timeout=20)
        assert video.began.wait(20)


def run_held(count: int, engine: RigEngine | None = None) -> tuple[Pipeline, Machine, Video]:
    steps: list[tuple[str, int]] = []
    machine, video = Machine(steps), Video(steps)

    def frames() -> Iterator[Frame]:
        yield from one_by_one(count, machine, video)
        video.release.set()

    outputs = [machine, Output(BackgroundSink(video))]
    source = ListSource(frames(), live=True)
    pipeline = make_pipeline(source, outputs, engine, stages={"judge_map": judge})
    run(pipeline)
    return pipeline, machine, video


def test_verdict_and_log_of_a_frame_come_before_its_encoding() -> None:
    _, machine, video = run_held(PLACES)
    for frame_id in video.frame_ids:
        places = [video._steps.index((step, frame_id)) for step in ("verdict", "log", "video")]
        assert places == sorted(places)
    assert video.frame_ids == machine.frame_ids == list(range(PLACES))


def test_no_verdict_and_no_line_waits_for_a_video_that_hangs() -> None:
    pipeline, machine, video = run_held(20)
    assert [verdict.frame_id for verdict in machine.verdicts] == list(range(20))
    assert machine.frame_ids == list(range(20))
    assert pipeline.stats.inspected == 20
    assert video.frame_ids == [0, *range(20 - PLACES, 20)]


def test_frames_that_the_video_lacks_are_counted() -> None:
    pipeline, _, video = run_held(20)
    left_out = 20 - len(video.frame_ids)
    assert pipeline.background.summary() == {"outputs": ["video"], "left_out": left_out}
    (warning,) = pipeline.background.warnings
    assert warning.startswith(
        f"video: {left_out} frames are missing, which were inspected and logged"
    )


def test_failing_frames_are_left_out_last() -> None:
    _, _, video = run_held(20, fails_at(2, 9))
    assert video.frame_ids == [0, 2, 9, *range(22 - PLACES, 20)]


def test_a_run_without_background_outputs_has_no_thread_for_them() -> None:
    pipeline = make_pipeline(ListSource([frame(0)], live=True), [ListSink()])
    pipeline.start()
    assert "background" not in stage_threads()
    pipeline.finish()
    assert pipeline.background.summary() is None


def pipeline_with(output: Output, log: ListSink, frames: Iterable[Frame]) -> Pipeline:
    return make_pipeline(ListSource(frames, live=True, pace_s=0.005), [log, output])


def test_a_video_that_fails_ends_the_run_and_is_closed() -> None:
    video = ListSink(2, SinkError("the disk is full"))
    frames = (frame(i) for i in range(1000))
    pipeline = pipeline_with(Output(BackgroundSink(video)), ListSink(), frames)
    pipeline.start()
    with pytest.raises(SinkError, match="the disk is full"):
        pipeline.finish()
    assert video.closed == 1
    assert pipeline.stats.balanced
    assert not stage_threads()


def test_pictures_that_fail_are_disabled_if_they_are_not_fatal() -> None:
    pictures, log = ListSink(0, SinkError("the disk is full")), ListSink()
    frames = (frame(i) for i in range(5))
    run(pipeline_with(Output(BackgroundSink(pictures), fatal=False), log, frames))
    assert pictures.inspections == []
    assert pictures.closed == 1
    assert len(log.inspections) == 5


def test_a_video_that_hangs_too_long_ends_the_run_and_names_its_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("inspector.pipeline.runner.GRACE_S", 0.3)
    video = Video([])
    source = ListSource([frame(0)], live=True, endless=True)
    outputs = [Output(BackgroundSink(video))]
    pipeline = make_pipeline(source, outputs, stall_timeout_s=0.1)
    pipeline.start()
    with pytest.raises(StageError, match="stage background failed at frame 0: TimeoutError"):
        pipeline.finish()
    assert pipeline.stats.balanced
    video.release.set()


def test_an_abort_leaves_out_the_frames_that_wait() -> None:
    steps: list[tuple[str, int]] = []
    machine, video = Machine(steps), Video(steps)
    source = ListSource(one_by_one(3, machine, video), live=True, endless=True)
    pipeline = make_pipeline(source, [machine, Output(BackgroundSink(video))])
    pipeline.start()
    while len(machine.inspections) < 3:
        pipeline.wait(0.002)
    pipeline.abort()
    video.release.set()
    pipeline.finish()
    assert video.frame_ids == [0]
    assert pipeline.background.left_out == 2


class Priority(ListSink):
    """Remembers the priority of the thread that writes, and the threads of OpenCV."""

    def write(self, inspection: Inspection, picture: Picture) -> None:
        super().write(inspection, picture)
        self.niceness = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        self.opencv = cv2.getNumThreads()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a priority is that of the process")
def test_the_video_has_the_lowest_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    niceness, threads = os.nice(0), cv2.getNumThreads()
    monkeypatch.setattr(background, "usable_cores", lambda: 6)
    cv2.setNumThreads(4)
    video = Priority()
    try:
        run(make_pipeline(ListSource([frame(0)], live=True), [Output(BackgroundSink(video))]))
    finally:
        cv2.setNumThreads(threads)
    assert (video.niceness, video.opencv) == (19, 3)
    assert os.nice(0) == niceness


class HashedVideo(ListSink):
    """Has one file, which grows with each frame."""

    def take_states(self) -> Mapping[Path, FileState | None]:
        return {Path("video"): state_of(b"x" * len(self.inspections))}


def test_the_states_of_the_files_are_those_after_the_last_write() -> None:
    sink = BackgroundSink(HashedVideo())
    assert sink.take_states() == {}
    for number in range(2):
        sink.write(judge(EngineOutput(frame(number), ZEROS, Affine(1, 1), 0.0, None, 0)), FLAT)
    assert sink.take_states() == {Path("video"): state_of(b"xx")}
    assert sink.take_states() == {}
    sink.close()
    assert sink.take_states() == {Path("video"): state_of(b"xx")}
