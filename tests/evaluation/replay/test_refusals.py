"""What a replay needs and does not find is named in a sentence that says what to do."""

import shutil
from pathlib import Path

import pytest
from flow_rig import Inspect, good_picture, write_clip
from recorded_runs import Record, Replay, edit_header, read_records, write_scale

Capsys = pytest.CaptureFixture[str]


def refuse(capsys: Capsys, *arguments: str | Path) -> str:
    replay = Replay(capsys, *arguments)
    assert replay.code == 2, replay.text
    assert replay.stderr.count("error: ") == 1
    return replay.stderr.split("error: ")[1]


@pytest.fixture
def files(tmp_path: Path, clip: Path, engine: Path) -> tuple[Path, Path]:
    """A clip and an engine that a test may change."""
    return (
        Path(shutil.copy(clip, tmp_path / "clip.mp4")),
        Path(shutil.copy(engine, tmp_path / "engine.onnx")),
    )


def test_a_missing_or_changed_engine(
    inspect: Inspect, files: tuple[Path, Path], tmp_path: Path, capsys: Capsys
) -> None:
    video, engine = files
    run = inspect(video, engine, "--no-video")
    moved = engine.rename(tmp_path / "moved.onnx")
    assert "is missing: put it back, name another file with --engine" in refuse(capsys, run.out)
    replay = Replay(capsys, run.out, "--engine", moved)
    assert replay.code == 0
    assert "identical: 61 records" in replay.lines
    engine.write_bytes(moved.read_bytes() + b"\n")
    sentence = refuse(capsys, run.out)
    assert "is not the file of the run (SHA-256 " in sentence
    assert f"compare the two with --engine {engine}" in sentence


def test_a_missing_or_changed_source(
    inspect: Inspect, files: tuple[Path, Path], tmp_path: Path, capsys: Capsys
) -> None:
    video, engine = files
    run = inspect(video, engine, "--no-video")
    moved = video.rename(tmp_path / "moved.mp4")
    assert "the source of the run cannot be read" in refuse(capsys, run.out)
    replay = Replay(capsys, run.out, "--source", moved)
    assert "identical: 61 records" in replay.lines
    write_clip(video, [good_picture(k) for k in range(30)])
    assert "has changed since the run (hash " in refuse(capsys, run.out)


def test_a_missing_or_changed_calibration(
    inspect: Inspect, files: tuple[Path, Path], tmp_path: Path, capsys: Capsys
) -> None:
    path = tmp_path / "cal.yaml"
    write_scale(path, 0.1)
    run = inspect(*files, "--no-video", "--calibration", str(path))
    write_scale(path, 0.2)
    assert "is not the one of the run: put the old file back" in refuse(capsys, run.out)
    path.unlink()
    assert f"the calibration {path} is missing: put it back" in refuse(capsys, run.out)


def test_a_live_run_without_originals(live: Inspect, capsys: Capsys) -> None:
    run = live()
    shutil.rmtree(run.out / "originals")
    sentence = refuse(capsys, run.out)
    assert "was a live run without originals, so its frames are gone" in sentence
    assert "output.originals.enabled: true" in sentence


def hide_password(header: Record) -> None:
    header["config"]["source"]["uri"] = "http://***@host/clip.mp4"


def add_unknown_key(header: Record) -> None:
    header["config"]["source"]["speed"] = 3


def test_a_header_that_cannot_be_used(parts: Inspect, capsys: Capsys) -> None:
    run = parts()
    edit_header(run.out, hide_password)
    assert "is not in the log: name the source with --source" in refuse(capsys, run.out)
    edit_header(run.out, add_unknown_key)
    assert f"the configuration in {run.out}" in refuse(capsys, run.out)


def test_a_setting_that_a_replay_cannot_have(parts: Inspect, capsys: Capsys) -> None:
    run = parts()
    for option, sentence in (
        ("output.dir=x", "cannot be used in a replay, which sets output itself"),
        ("measure.replay=x", "cannot be used in a replay"),
        ("engine.path=x", "use --engine"),
        ("source.uri=x", "use --source"),
        ("verdict.image_treshold=2", "did you mean image_threshold?"),
    ):
        assert sentence in refuse(capsys, run.out, "--set", option)


def test_a_folder_that_is_not_a_run_or_not_new(
    parts: Inspect, tmp_path: Path, capsys: Capsys
) -> None:
    assert "none is not a folder: name the output folder" in refuse(capsys, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert "has no inspections.jsonl: name the output folder" in refuse(capsys, tmp_path / "empty")
    run = parts()
    assert "it exists and is not empty" in refuse(capsys, run.out, "--out", run.out)
    before = read_records(run.out)
    assert Replay(capsys, run.out, "--out", tmp_path / "empty").code == 0
    assert read_records(run.out) == before


def test_another_engine_for_a_run_of_the_fake_engine(
    parts: Inspect, engine: Path, tmp_path: Path, capsys: Capsys
) -> None:
    run = parts()
    sentence = refuse(capsys, run.out, "--engine", tmp_path / "none.onnx")
    assert "add --set engine.backend=onnx" in sentence
    replay = Replay(capsys, run.out, "--engine", engine, "--set", "engine.backend=onnx")
    assert replay.code in (0, 1)
    assert "instead of the fake engine" in replay.text
