"""A backend that computes something else never inspects a frame."""

import dataclasses
import json
from pathlib import Path

import pytest
from flow_rig import HW, RESULTS, Inspect

from engines.base import BACKENDS
from engines.spec_file import read_engine, write_engine
from inspector.sinks.json_log import read_log
from tools.calibrate import main as calibrate

WRONG = ["--set", "engine.backend=openvino"]


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, "openvino", "wrong_backend:WrongEngine")


def test_a_run_says_what_the_gate_found(inspect: Inspect, clip: Path, engine: Path) -> None:
    ran = inspect(clip, engine, "--set", "engine.backend=onnx")
    assert ran.code == 0
    found = ran.summary["parity"]
    assert found["passed"] is True
    assert found["pictures"] == 2
    assert found["flips"] == 0
    assert found["backend"] == ran.summary["engine"]["running_on"]
    assert found["differences"]["score"] < 1e-5
    assert "length_px" in found
    assert read_log(ran.out / "inspections.jsonl")[0]["parity"] == found


def test_sizes_are_compared_in_millimetres_with_a_calibration(
    inspect: Inspect, clip: Path, engine: Path, tmp_path: Path
) -> None:
    cal = tmp_path / "cal.yaml"
    size = ["--frame-size", f"{HW[1]}x{HW[0]}", "--out", str(cal)]
    assert calibrate(["scale", "--mm-per-px", "0.5", *size]) == 0
    found = inspect(clip, engine, "--calibration", str(cal)).summary["parity"]
    assert {"length_mm", "area_mm2"} <= set(found)


def test_a_wrong_backend_ends_the_run_before_the_first_frame(
    inspect: Inspect, clip: Path, engine: Path, wrong: None
) -> None:
    ran = inspect(clip, engine, *WRONG)
    assert ran.code == 6
    assert "the wrong backend does not compute what the engine's method says" in ran.stderr
    assert "score by 0.1" in ran.stderr
    assert not ran.out.exists()


def test_falling_back_is_stated(inspect: Inspect, clip: Path, engine: Path, wrong: None) -> None:
    ran = inspect(clip, engine, *WRONG, "--on-parity-failure", "fallback")
    assert ran.code == 0
    assert sorted(path.name for path in ran.out.iterdir()) == RESULTS
    summary = ran.summary
    assert "falling back to onnxruntime on the CPU" in summary["warnings"][0]
    assert summary["engine"]["running_on"].startswith("onnxruntime")
    assert summary["parity"]["passed"] is True
    assert summary["parity"]["fell_back_from"]["passed"] is False
    assert summary["inspected"] == 30


def test_where_the_fall_back_fails_too_the_run_ends(
    inspect: Inspect, clip: Path, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BACKENDS, "onnx", "wrong_backend:WrongEngine")
    ran = inspect(clip, engine, "--set", "engine.backend=onnx", "--on-parity-failure", "fallback")
    assert ran.code == 6


def test_an_engine_without_golden_pictures_runs_with_one_warning(
    inspect: Inspect, clip: Path, engine: Path, tmp_path: Path
) -> None:
    spec, model = read_engine(engine)
    write_engine(tmp_path / "old.onnx", model, dataclasses.replace(spec, golden={}))
    ran = inspect(clip, tmp_path / "old.onnx")
    assert ran.code == 0
    assert [w for w in ran.summary["warnings"] if "no golden pictures" in w] != []
    assert ran.summary["parity"] == {}


def test_damaged_golden_pictures_are_refused_before_the_first_frame(
    inspect: Inspect, clip: Path, engine: Path, tmp_path: Path
) -> None:
    spec, model = read_engine(engine)
    damaged = json.loads(json.dumps(spec.golden))
    damaged["maps"][0] = "AAAA"
    write_engine(tmp_path / "bad.onnx", model, dataclasses.replace(spec, golden=damaged))
    ran = inspect(clip, tmp_path / "bad.onnx")
    assert ran.code == 2
    assert "a golden map cannot be decompressed" in ran.stderr
    assert not ran.out.exists()
