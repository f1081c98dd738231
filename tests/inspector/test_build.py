"""Tests the run that is built from a configuration."""

from pathlib import Path
from typing import Any

import pytest

from engines.backends.fake import FakeEngine
from inspector import engine_check
from inspector.build import build_run
from inspector.config import load_config
from inspector.core.arrays import Image, Map
from inspector.core.errors import ConfigError, EngineError
from inspector.run import Run


def make_run(folder: Path, **overrides: Any) -> Run:
    values = {
        "source.uri": "synthetic",
        "source.synthetic.frames": 10,
        "source.frame_size": "128x96",
        "source.fps": 200,
        "engine.backend": "fake",
        "output.dir": str(folder / "out"),
        "measure.refine": False,
        "output.snapshots.max_count": 0,
        "output.video.enabled": False,
    }
    return build_run(load_config(None, values | overrides))


def count_frames(run: Run, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of frames that the engine receives in each call."""
    counts: list[int] = []
    infer = FakeEngine.infer

    def record_count(self: FakeEngine, pixels: Image) -> tuple[Map, Map]:
        counts.append(len(pixels))
        return infer(self, pixels)

    monkeypatch.setattr(FakeEngine, "infer", record_count)
    monkeypatch.setattr(FakeEngine, "warm_up", lambda _: None)
    run.pipeline.start()
    run.pipeline.finish()
    return counts


def test_the_engine_receives_batches_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert count_frames(make_run(tmp_path, **{"engine.batch": 4}), monkeypatch) == [4, 4, 2]


def test_the_engine_receives_single_frames_of_a_live_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path, **{"engine.batch": 4, "source.synthetic.paced": True})
    assert set(count_frames(run, monkeypatch)) == {1}


def test_a_batch_for_a_live_source_is_a_warning_in_the_summary(tmp_path: Path) -> None:
    live, single, file = (
        make_run(tmp_path, **{"engine.batch": batch, "source.synthetic.paced": paced})
        for batch, paced in ((8, True), (1, True), (8, False))
    )
    (warning,) = live.summary("finished", 0, None)["warnings"]
    assert warning.startswith("engine.batch is 8, but synthetic is live")
    assert single.summary("finished", 0, None)["warnings"] == []
    assert file.summary("finished", 0, None)["warnings"] == []


@pytest.mark.parametrize("live", [True, False])
def test_only_a_live_source_writes_video_and_pictures_in_the_background(
    tmp_path: Path, live: bool
) -> None:
    run = make_run(
        tmp_path,
        **{
            "source.synthetic.paced": live,
            "output.video.enabled": True,
            "output.snapshots.max_count": 5,
            "output.originals.enabled": True,
            "output.explained_pictures.when": "all",
            "explain.enabled": True,
        },
    )
    summary = run.summary("finished", 0, None)["background"]
    outputs = ["defect_pictures", "video_file", "snapshots", "explained_pictures"]
    assert summary == ({"outputs": outputs, "left_out": 0} if live else None)


@pytest.mark.parametrize("configured", [None, "/data/plans"])
def test_the_folder_of_plans_reaches_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configured: str | None
) -> None:
    folders: list[str | None] = []

    def open_engine(path: Path, *, plan_dir: str | None, **options: object) -> None:
        folders.append(plan_dir)
        raise EngineError("there is no engine in this test")

    monkeypatch.setattr(engine_check, "open_engine", open_engine)
    run = make_run(tmp_path, **{"engine.plan_dir": configured})
    with pytest.raises(EngineError):
        run.stages.open_engine()
    assert folders == [configured]


@pytest.mark.parametrize("name", ["", "  "])
def test_an_empty_name_is_not_the_working_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="no source is named"):
        make_run(tmp_path, **{"source.uri": name})
