"""Tests that a backend with wrong results never inspects a frame."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from flow_rig import HW, RESULTS, Inspect

from engines.opening import BACKENDS
from engines.spec_file import file_hash, read_engine, read_spec, write_engine
from inspector import build
from inspector.core.types import Defect
from inspector.outputs.json_log import read_log
from inspector.processing.postprocess import Judge
from tools.calibrate import main as calibrate
from tools.convert import main as convert

WRONG = ["--set", "engine.backend=openvino"]


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, "openvino", "wrong_backend:WrongEngine")


def test_the_summary_holds_the_result_of_the_check(
    inspect: Inspect, clip: Path, engine: Path
) -> None:
    result = inspect(clip, engine, "--set", "engine.backend=onnx")
    assert result.code == 0
    parity = result.summary["parity"]
    assert parity["passed"] is True
    assert parity["pictures"] == 2
    assert parity["flips"] == 0
    assert parity["backend"] == result.summary["engine"]["running_on"]
    assert parity["differences"]["score"] < 1e-5
    assert "length_px" in parity
    assert read_log(result.out / "inspections.jsonl")[0]["parity"] == parity


def test_sizes_are_compared_in_millimetres_with_a_calibration(
    inspect: Inspect, clip: Path, engine: Path, tmp_path: Path
) -> None:
    cal = tmp_path / "cal.yaml"
    size = ["--frame-size", f"{HW[1]}x{HW[0]}", "--out", str(cal)]
    assert calibrate(["scale", "--mm-per-px", "0.5", *size]) == 0
    parity = inspect(clip, engine, "--calibration", str(cal)).summary["parity"]
    assert {"length_mm", "area_mm2"} <= set(parity)


def test_a_wrong_backend_ends_the_run_before_the_first_frame(
    inspect: Inspect, clip: Path, engine: Path, wrong: None
) -> None:
    result = inspect(clip, engine, *WRONG)
    assert result.code == 6
    assert (
        "the wrong backend does not give the reference outputs of the engine file" in result.stderr
    )
    assert "score by 0.1" in result.stderr
    assert not result.out.exists()


def test_a_fallback_is_reported(inspect: Inspect, clip: Path, engine: Path, wrong: None) -> None:
    result = inspect(clip, engine, *WRONG, "--on-parity-failure", "fallback")
    assert result.code == 0
    assert sorted(path.name for path in result.out.iterdir()) == RESULTS
    summary = result.summary
    assert "falling back to onnxruntime on the CPU" in summary["warnings"][0]
    assert summary["engine"]["running_on"].startswith("onnxruntime")
    assert summary["parity"]["passed"] is True
    assert summary["parity"]["fell_back_from"]["passed"] is False
    assert summary["inspected"] == 30


@pytest.fixture(scope="module")
def half(engine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("half") / "half.onnx"
    assert convert([str(engine), "--out", str(out)]) == 0
    return out


FALLBACK = ["--on-parity-failure", "fallback"]


def test_a_converted_engine_falls_back_to_the_float32_file_it_was_made_from(
    inspect: Inspect, clip: Path, engine: Path, half: Path, wrong: None, tmp_path: Path
) -> None:
    """Changed thresholds in the float32 file do not change the thresholds of the run."""
    spec, model = read_engine(engine)
    changed, limit = tmp_path / "changed.onnx", spec.image_threshold
    write_engine(changed, model, dataclasses.replace(spec, image_threshold=2 * limit))
    result = inspect(clip, half, *WRONG, *FALLBACK, "--set", f"engine.fallback_path={changed}")
    assert result.code == 0
    by = result.summary["judged_by"]
    assert (by["path"], by["graph_hash"]) == (str(changed), spec.graph_hash)
    assert by["sha256"] == file_hash(changed)
    assert by["precision"] == result.summary["parity"]["precision"] == "float32"
    assert by["running_on"].startswith("onnxruntime")
    before = by["fell_back_from"]
    assert (before["path"], before["precision"]) == (str(half), "float16")
    assert before["running_on"] == "the wrong backend"
    assert read_log(result.out / "inspections.jsonl")[0]["judged_by"] == by
    assert f"with {changed} and the thresholds of {half}" in result.summary["warnings"][0]
    assert result.summary["image_threshold"] == limit
    expected = inspect(clip, engine, "--overwrite")
    assert expected.summary["judged_by"]["path"] == str(engine)
    assert expected.summary["failed"] == result.summary["failed"]


def test_a_converted_engine_may_not_fall_back_to_half_precision(
    inspect: Inspect, clip: Path, half: Path
) -> None:
    result = inspect(clip, half, *FALLBACK)
    assert result.code == 2
    assert "name the engine that it was made from as engine.fallback_path" in result.stderr
    assert not result.out.exists()


def test_only_the_float32_form_of_an_engine_may_replace_it(
    inspect: Inspect, clip: Path, engine: Path, half: Path, tmp_path: Path
) -> None:
    spec, model = read_engine(engine)
    crop = dataclasses.replace(spec.resize, crop=(0.1, 0.0, 1.0, 1.0))
    cropped, lost = tmp_path / "cropped.onnx", tmp_path / "lost.onnx"
    write_engine(cropped, model, dataclasses.replace(spec, resize=crop))
    for main, other, sentence in (
        (half, half, f"{half} is not the engine that {half} was converted from"),
        (engine, half, f"{half} holds another graph"),
        (half, cropped, f"{cropped} and {half} differ in their resize"),
        (half, lost, f"engine file {lost} does not exist"),
    ):
        result = inspect(clip, main, *FALLBACK, "--set", f"engine.fallback_path={other}")
        assert result.code == 2
        assert sentence in result.stderr
        assert result.stderr.count("error:") == 1
        assert not result.out.exists()


def test_an_engine_file_that_is_replaced_during_the_start_is_refused(
    inspect: Inspect, clip: Path, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dataclasses.replace(read_spec(engine), name="an earlier engine")
    monkeypatch.setattr(build, "read_spec", lambda _: before)
    result = inspect(clip, engine)
    assert result.code == 2
    assert f"engine file {engine} was replaced while the run started" in result.stderr
    assert not result.out.exists()


def test_a_run_ends_if_the_fallback_fails_too(
    inspect: Inspect, clip: Path, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BACKENDS, "onnx", "wrong_backend:WrongEngine")
    result = inspect(
        clip, engine, "--set", "engine.backend=onnx", "--on-parity-failure", "fallback"
    )
    assert result.code == 6


def test_an_engine_without_golden_pictures_runs_with_one_warning(
    inspect: Inspect, clip: Path, engine: Path, tmp_path: Path
) -> None:
    spec, model = read_engine(engine)
    write_engine(tmp_path / "old.onnx", model, dataclasses.replace(spec, golden={}))
    result = inspect(clip, tmp_path / "old.onnx")
    assert result.code == 0
    assert [w for w in result.summary["warnings"] if "no golden pictures" in w] != []
    assert result.summary["parity"] == {}


def test_an_engine_without_golden_pictures_runs_on_onnxruntime_only(
    inspect: Inspect, clip: Path, engine: Path, tmp_path: Path, wrong: None
) -> None:
    spec, model = read_engine(engine)
    write_engine(tmp_path / "old.onnx", model, dataclasses.replace(spec, golden={}))
    result = inspect(clip, tmp_path / "old.onnx", *WRONG)
    assert result.code == 6
    assert "holds no golden pictures" in result.stderr
    assert not result.out.exists()
    result = inspect(clip, tmp_path / "old.onnx", *WRONG, *FALLBACK)
    assert result.code == 0
    assert result.summary["judged_by"]["running_on"].startswith("onnxruntime")


def test_the_check_uses_the_verdict_rule_of_the_run(
    inspect: Inspect, clip: Path, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No defect on a golden map is as long as this rule demands, so no picture fails."""
    verdicts: list[bool] = []
    fails = Judge.fails

    def record_verdict(self: Judge, score: float, defects: Sequence[Defect]) -> bool:
        verdicts.append(fails(self, score, defects))
        return verdicts[-1]

    monkeypatch.setattr(Judge, "fails", record_verdict)
    rule = ["--set", "verdict.rule=defects", "--set", "verdict.min_length_px=10000"]
    result = inspect(clip, engine, *rule, "--set", "engine.batch=3")
    assert result.code == 0
    assert result.summary["parity"]["pictures"] == 2 + 3
    assert verdicts == [False] * (2 * 5)


def test_damaged_golden_pictures_are_refused_before_the_first_frame(
    inspect: Inspect, clip: Path, engine: Path, tmp_path: Path
) -> None:
    spec, model = read_engine(engine)
    damaged = json.loads(json.dumps(spec.golden))
    damaged["maps"][0] = "AAAA"
    write_engine(tmp_path / "bad.onnx", model, dataclasses.replace(spec, golden=damaged))
    result = inspect(clip, tmp_path / "bad.onnx")
    assert result.code == 2
    assert "a golden map cannot be decompressed" in result.stderr
    assert not result.out.exists()
