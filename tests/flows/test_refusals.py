"""Tests that bad input ends with one clear sentence and an exit code."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from flow_rig import Inspect, good_picture, write_pictures

from engines.spec_file import read_spec
from tools.calibrate import main as calibrate
from tools.fit import main as fit

ROOT = Path(__file__).parents[2]


def sentence(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, stderr
    assert "Traceback" not in stderr
    return lines[0]


@pytest.mark.parametrize(
    ("name", "content"),
    [("missing.mp4", None), ("empty.mp4", b""), ("rubbish.mp4", b"rubbish" * 999)],
)
def test_a_bad_video_is_refused(
    inspect: Inspect, engine: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    result = inspect(path, engine)
    assert result.code == 2
    assert name in sentence(result.stderr)
    assert not result.out.exists()


def test_a_bad_engine_is_refused(
    inspect: Inspect, clip: Path, engine: Path, tmp_path: Path
) -> None:
    content = engine.read_bytes()
    bare = onnx.load(engine)
    del bare.metadata_props[:]
    for name, bad_content, reason in (
        ("truncated.onnx", content[: len(content) // 2], "truncated"),
        ("empty.onnx", b"", "not a whole ONNX file"),
        ("bare.onnx", bare.SerializeToString(), "without an engine spec"),
    ):
        path = tmp_path / name
        path.write_bytes(bad_content)
        result = inspect(clip, path)
        assert result.code == 2
        assert name in sentence(result.stderr)
        assert reason in result.stderr
    assert inspect(clip, tmp_path / "none.onnx").code == 2
    assert "use --engine" in sentence(inspect(clip, None).stderr)


def test_an_unknown_key_names_the_known_ones(inspect: Inspect, clip: Path, engine: Path) -> None:
    result = inspect(clip, engine, "--set", "engine.thread=2")
    assert result.code == 2
    assert "engine.thread; known keys here: allow_aspect, backend, batch" in sentence(result.stderr)


def test_a_calibration_of_another_size_is_refused_and_not_scaled(
    inspect: Inspect, clip: Path, engine: Path, tmp_path: Path
) -> None:
    cal = tmp_path / "cal.yaml"
    size = ["--frame-size", "512x384", "--out", str(cal)]
    assert calibrate(["scale", "--mm-per-px", "0.5", *size]) == 0
    result = inspect(clip, engine, "--calibration", str(cal))
    assert result.code == 5
    assert "512x384" in sentence(result.stderr)
    assert "256x192" in sentence(result.stderr)


def test_millimetres_without_a_calibration_are_refused(
    inspect: Inspect, clip: Path, engine: Path
) -> None:
    result = inspect(clip, engine, "--set", "verdict.min_length_mm=1")
    assert result.code == 2
    assert "verdict.min_length_mm" in sentence(result.stderr)


@pytest.mark.parametrize(
    "setting", ["engine.device=cuda", "measure.severity.length_px=[3, 2, 1]", "engine.path=none"]
)
def test_a_run_that_never_starts_removes_no_earlier_results(
    inspect: Inspect, clip: Path, engine: Path, setting: str
) -> None:
    first = inspect(clip, engine)
    before = {p.name: p.read_bytes() for p in first.out.iterdir() if p.is_file()}
    argv = ["--set", setting]
    if setting == "engine.path=none":
        engine, argv = Path("none.onnx"), []
    if setting == "engine.device=cuda":
        onnxruntime = pytest.importorskip("onnxruntime")
        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            pytest.skip("this machine has a CUDA provider")
    result = inspect(clip, engine, *argv, "--overwrite")
    assert result.code == 2
    sentence(result.stderr)
    assert {p.name: p.read_bytes() for p in first.out.iterdir() if p.is_file()} == before


def test_a_folder_without_pictures_is_refused(
    inspect: Inspect, engine: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "none"
    folder.mkdir()
    result = inspect(folder, engine)
    assert result.code == 2
    assert "no pictures" in sentence(result.stderr)


def test_a_missing_camera_is_refused(inspect: Inspect, engine: Path) -> None:
    result = inspect("63", engine)
    assert result.code == 2
    assert "63" in sentence(result.stderr)


def test_missing_cuda_is_refused_or_reported(inspect: Inspect, clip: Path, engine: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has a CUDA provider")
    options = ["--set", "engine.device=cuda"]
    result = inspect(clip, engine, *options)
    assert result.code == 2
    assert "cuda" in sentence(result.stderr)
    assert not result.out.exists()
    result = inspect(clip, engine, *options, "--set", "engine.fall_back=true")
    assert result.code == 0
    assert "the engine runs on the CPU instead" in result.stderr
    assert "CPU" in result.summary["engine"]["running_on"]


def test_a_window_without_a_display_is_refused_first(
    clip: Path, engine: Path, tmp_path: Path
) -> None:
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    env.pop("SDL_VIDEODRIVER", None)
    argv = [sys.executable, "run_inspector.py", "--source", str(clip), "--engine", str(engine)]
    argv += ["--output", str(tmp_path / "out"), "--set", "log.path=null", "--show"]
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "display" in sentence(done.stderr)
    assert not (tmp_path / "out").exists()


def fit_code(normal: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = fit(["--method", "rad", "--normal", str(normal), "--size", "64x64", "--out", str(out)])
    return code, capsys.readouterr().err


def test_an_engine_of_one_good_picture_promises_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_pictures(tmp_path / "one", [good_picture(1)])
    code, err = fit_code(folder, tmp_path / "e.onnx", capsys)
    assert code == 0
    assert "nothing is promised" in err
    assert read_spec(tmp_path / "e.onnx").threshold_rule.promise is None


def test_unreadable_good_pictures_are_named_and_too_many_stop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_pictures(tmp_path / "good", [good_picture(i, (64, 64)) for i in range(24)])
    (folder / "003.png").write_bytes(b"")
    code, err = fit_code(folder, tmp_path / "e.onnx", capsys)
    assert code == 0
    assert "003.png" in err
    for i in range(12):
        (folder / f"{i:03d}.png").write_bytes(b"rubbish")
    code, err = fit_code(folder, tmp_path / "f.onnx", capsys)
    assert code == 2
    assert "12" in sentence(err)


def test_a_disk_that_is_full_ends_the_run_and_keeps_what_was_written(
    clip: Path, engine: Path, tmp_path: Path
) -> None:
    pictures = [cv2.resize(good_picture(i), (512, 384)) for i in range(4)]
    noisy = np.random.default_rng(0)
    pictures = [noisy.integers(0, 255, p.shape).astype(np.uint8) for p in pictures * 15]
    folder = write_pictures(tmp_path / "in", pictures)
    out = tmp_path / "out"
    code = (
        "import resource, signal, sys, run_inspector\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))\n"
        "sys.exit(run_inspector.main(sys.argv[1:]))"
    )
    argv = [sys.executable, "-c", code, "--source", str(folder), "--engine", str(engine)]
    argv += ["--output", str(out), "--set", "log.path=null", "--set", "measure.max_refined=0"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=90)
    assert done.returncode == 1, done.stderr
    assert "annotated.mp4" in sentence(done.stderr)
    from inspector.outputs.json_log import read_log

    _, records = read_log(out / "inspections.jsonl")
    assert len(records) > 5
    import json

    summary = json.loads((out / "summary.json").read_text())
    assert summary["status"] == "failed"
    counts = (summary[k] for k in ("inspected", "dropped", "errored"))
    assert summary["captured"] == sum(counts)
