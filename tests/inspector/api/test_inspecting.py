"""Tests inspect() and run_pipeline(), which run the pipeline from Python."""

import gc
import json
import signal
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import inspector
from engines.backends.fake import FakeEngine
from inspector.core.arrays import Image, Map
from inspector.core.errors import ConfigError, InferenceError, SinkError, SourceError
from inspector.core.types import Verdict
from inspector.outputs.json_log import JsonLogSink, read_log

STAGES = {"capture", "preprocess", "infer", "measure", "output"}

SMALL: dict[str, Any] = {
    "source.synthetic.frames": 30,
    "source.frame_size": "128x96",
    "source.fps": 200,
    "engine.backend": "fake",
    "measure.refine": False,
    "output.video.enabled": False,
    "output.snapshots.max_count": 0,
}
LIVE = SMALL | {"source.synthetic.paced": True, "source.synthetic.frames": None}


@pytest.fixture(autouse=True)
def _work_in_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def stage_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name in STAGES]


def start(**settings: Any) -> inspector.Inspections:
    return inspector.inspect("synthetic", settings=SMALL | settings)


def test_every_frame_of_a_file_comes_in_order_and_nothing_is_written(tmp_path: Path) -> None:
    with start() as inspections:
        assert inspections.info.source.source_id == "synthetic"
        ids = [inspection.frame_id for inspection in inspections]
        counts = inspections.counts
    assert ids == list(range(30))
    assert (counts["captured"], counts["inspected"]) == (30, 30)
    assert (counts["dropped"], counts["errored"]) == (0, 0)
    assert list(tmp_path.iterdir()) == []
    assert stage_threads() == []


def test_inspections_equal_the_records_of_a_run(tmp_path: Path) -> None:
    summary = inspector.run_pipeline("synthetic", output=tmp_path / "out", settings=SMALL)
    _, records = read_log(tmp_path / "out" / "inspections.jsonl")
    inspections = list(start())
    assert len(inspections) == len(records) == summary["captured"] == 30
    assert any(inspection.verdict is Verdict.FAIL for inspection in inspections)
    for inspection, record in zip(inspections, records, strict=True):
        assert inspection.verdict.value == record["verdict"]
        assert inspection.score == pytest.approx(record["score"])
        assert len(inspection.defects) == len(record["defects"])
    assert summary["status"] == "finished"
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["captured"] == 30


@pytest.mark.parametrize("settings", [SMALL | {"source.synthetic.frames": None}, LIVE])
def test_leaving_early_releases_source_and_threads_within_two_seconds(
    settings: dict[str, Any],
) -> None:
    with inspector.inspect("synthetic", settings=settings) as inspections:
        for inspection in inspections:
            if inspection.frame_id >= 3:
                break
        start_s = time.monotonic()
    assert time.monotonic() - start_s < 2
    assert stage_threads() == []
    assert list(inspections) == []
    counts = inspections.counts
    assert counts["captured"] == counts["inspected"] + counts["dropped"] + counts["errored"]
    inspections.close()


def test_a_loop_without_with_releases_the_threads_when_it_is_left() -> None:
    for inspection in inspector.inspect("synthetic", settings=LIVE):
        assert inspection.score is not None
        break
    gc.collect()
    assert stage_threads() == []


def test_a_slow_caller_makes_a_file_wait() -> None:
    with start() as inspections:
        next(inspections)
        time.sleep(0.3)
        captured = inspections.counts["captured"]
        rest = [inspection.frame_id for inspection in inspections]
    assert captured < 20
    assert rest == list(range(1, 30))


def test_a_slow_caller_costs_a_live_source_frames_and_all_are_counted() -> None:
    with inspector.inspect("synthetic", settings=LIVE) as inspections:
        ids = []
        for inspection in inspections:
            ids.append(inspection.frame_id)
            if len(ids) == 8:
                inspections.stop()
            elif len(ids) < 8:
                time.sleep(0.04)
        counts = inspections.counts
    assert ids == sorted(ids)
    assert counts["inspected"] == len(ids)
    assert counts["dropped"] > 0
    assert counts["captured"] == counts["inspected"] + counts["dropped"]


def test_a_caller_that_pauses_is_not_a_stage_that_is_stuck() -> None:
    with start(**{"pipeline.stall_timeout_s": 0.2}) as inspections:
        next(inspections)
        time.sleep(0.6)
        assert sum(1 for _ in inspections) == 29


def test_an_engine_that_fails_later_is_raised_after_the_frames_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail_at(5, monkeypatch)
    ids = []

    def watch() -> None:
        with start() as inspections:
            for inspection in inspections:
                ids.append(inspection.frame_id)
                time.sleep(0.02)

    with pytest.raises(InferenceError, match="broken on purpose"):
        watch()
    assert ids == list(range(len(ids)))
    assert len(ids) <= 5
    assert stage_threads() == []


def test_closing_a_failed_run_raises_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_at(5, monkeypatch)
    inspections = start()
    next(inspections)
    time.sleep(0.3)
    with pytest.raises(InferenceError, match="broken on purpose"):
        inspections.close()
    inspections.close()


def fail_at(call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every call of infer() fail from this number on, starting at 0."""
    calls: list[int] = []
    infer = FakeEngine.infer

    def fail_later(self: FakeEngine, pixels: Image) -> tuple[Map, Map]:
        calls.append(len(pixels))
        if len(calls) > call:
            raise InferenceError("broken on purpose")
        return infer(self, pixels)

    monkeypatch.setattr(FakeEngine, "infer", fail_later)


def test_the_exception_of_the_caller_is_raised_and_the_threads_end() -> None:
    def divide() -> list[float]:
        with start() as inspections:
            return [1 / (inspection.frame_id - 2) for inspection in inspections]

    with pytest.raises(ZeroDivisionError):
        divide()
    assert stage_threads() == []


def test_what_cannot_run_is_refused_before_the_first_frame(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.mp4"):
        inspector.inspect(tmp_path / "none.mp4", settings=SMALL)
    with pytest.raises(ConfigError, match=r"engine\.path"):
        inspector.inspect("synthetic")
    with pytest.raises(ConfigError, match=r"engine\.colour"):
        inspector.inspect("synthetic", settings={"engine.colour": 1})
    assert stage_threads() == []


def test_an_engine_that_does_not_open_is_raised_and_the_source_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(self: FakeEngine) -> None:
        raise InferenceError("no warm-up")

    monkeypatch.setattr(FakeEngine, "warm_up", fail)
    with pytest.raises(InferenceError, match="no warm-up"):
        start()
    assert stage_threads() == []


def test_a_configuration_file_settings_and_arguments_count_in_this_order(tmp_path: Path) -> None:
    config = tmp_path / "line.yaml"
    config.write_text(
        "source: {uri: nothing.mp4, fps: 50, synthetic: {frames: 7}}\n"
        "engine: {backend: fake}\nmeasure: {refine: false}\n"
    )
    settings = {"source.frame_size": "128x96", "source.fps": 100}
    with inspector.inspect("synthetic", config=config, settings=settings) as inspections:
        assert inspections.info.source.fps == 100
        assert len(list(inspections)) == 7


def test_frames_that_cannot_be_judged_come_as_errors(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((96, 128, 3), 200, np.uint8))
    (folder / "1.png").write_bytes(b"not a picture")
    settings = SMALL | {"source.max_unreadable": 1.0}
    verdicts = [each.verdict for each in inspector.inspect(folder, settings=settings)]
    assert verdicts == [Verdict.PASS, Verdict.ERROR, Verdict.PASS]


def test_a_run_that_fails_writes_its_summary_and_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise SinkError("the disk is full")

    monkeypatch.setattr(JsonLogSink, "write", fail)
    with pytest.raises(SinkError, match="the disk is full"):
        inspector.run_pipeline("synthetic", output=tmp_path / "out", settings=SMALL)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["status"], summary["exit_code"]) == ("failed", 1)
    assert summary["error"] == "the disk is full"


@pytest.mark.usefixtures("usual_signal_stack")
def test_an_interrupted_run_saves_what_was_captured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    infer = FakeEngine.infer
    interrupts: list[int] = []

    def interrupt(self: FakeEngine, pixels: Image) -> tuple[Map, Map]:
        if len(interrupts) == 3:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        interrupts.append(1)
        return infer(self, pixels)

    monkeypatch.setattr(FakeEngine, "infer", interrupt)
    with pytest.raises(KeyboardInterrupt):
        inspector.run_pipeline(
            "synthetic",
            output=tmp_path / "out",
            settings=SMALL | {"source.synthetic.frames": None},
        )
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["status"], summary["exit_code"]) == ("stopped", 130)
    assert summary["captured"] == summary["inspected"] > 0
    assert stage_threads() == []


def test_a_run_may_be_started_by_any_thread(tmp_path: Path) -> None:
    summaries: list[dict[str, Any]] = []

    def work() -> None:
        summary = inspector.run_pipeline("synthetic", output=tmp_path / "out", settings=SMALL)
        summaries.append(summary)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert summaries[0]["captured"] == 30


def test_several_sources_run_together_and_are_not_one_iterator(tmp_path: Path) -> None:
    sources = [{"name": name, "source": {"uri": "synthetic"}} for name in ("left", "right")]
    settings = SMALL | {"sources": sources}
    summary = inspector.run_pipeline(output=tmp_path / "out", settings=settings)
    assert summary["total"]["captured"] == 60
    with pytest.raises(ConfigError, match="sources"):
        inspector.inspect(settings=settings)
