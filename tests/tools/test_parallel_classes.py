"""fit and evaluate over several classes at the same time give the results of a plain loop."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from same_results import engine_content, flatten, json_content, without_ids

from inspector.core.errors import DataError, InspectorError
from learning.class_rows import ClassRow, refuse_failed
from tools.evaluate import main as evaluate
from tools.fit import main as fit

ROOT = Path(__file__).parents[2]
CLASSES = ("bolt", "nut", "plate")
kinds = pytest.mark.parametrize(
    "more",
    [
        pytest.param(("--workers", "2"), id="processes"),
        pytest.param(("--workers", "2", "--ray"), id="ray", marks=pytest.mark.ray),
    ],
)


def write_picture(path: Path, seed: int, *, bad: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).normal(150, 5, (64, 64, 3)).clip(0, 255).astype(np.uint8)
    if bad:
        values[20:36, 20:36] = 10
    cv2.imwrite(str(path), values)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for number, name in enumerate(CLASSES):
        for seed in range(8):
            write_picture(folder / name / "train" / "good" / f"{seed}.png", 100 * number + seed)
        for seed in range(3):
            write_picture(folder / name / "test" / "good" / f"{seed}.png", 50 + seed)
            write_picture(folder / name / "test" / "hole" / f"{seed}.png", 60 + seed, bad=True)
    return folder


def fit_into(data: Path, out: Path, *more: str, method: str = "rad") -> int:
    argv = ["--method", method, "--normal", str(data), "--out", str(out), "--size", "64x64"]
    return fit([*argv, "--no-sheet", *more])


@pytest.fixture(scope="module")
def engines(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fitted in a loop, in another process: this process simulates fewer defects, see conftest."""
    out = tmp_path_factory.mktemp("engines") / "plain"
    argv = ["--method", "rad", "--normal", str(data), "--out", str(out), "--size", "64x64"]
    subprocess.run([sys.executable, "-m", "tools.fit", *argv, "--no-sheet"], cwd=ROOT, check=True)
    return out


def assert_same_engines(out: Path, other: Path) -> None:
    for name in CLASSES:
        (graph, spec), (other_graph, other_spec) = (
            engine_content(folder / f"{name}.onnx") for folder in (out, other)
        )
        assert graph == other_graph
        other_values = dict(flatten(other_spec))
        assert [item for item in flatten(spec) if other_values[item[0]] != item[1]] == []


@kinds
def test_engines_are_those_of_a_loop(data, engines, tmp_path, more, capsys):
    out = tmp_path / "engines"
    assert fit_into(data, out, *more) == 0
    table = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in table] == ["class", *CLASSES]
    assert_same_engines(out, engines)
    assert json_content(out / "fit.json") == json_content(engines / "fit.json")
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.onnx")}
    assert fit_into(data, out, *more) == 0
    assert fit_into(data, out) == 0
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*.onnx")} == before


@kinds
def test_evaluations_are_those_of_a_loop(data, engines, tmp_path, more):
    argv = ["--data", str(data), "--engine", str(engines), "--resamples", "50"]
    plain, parallel = tmp_path / "plain", tmp_path / "parallel"
    assert evaluate([*argv, "--out", str(plain)]) == 0
    assert evaluate([*argv, "--out", str(parallel), *more]) == 0
    names = sorted(path.relative_to(plain) for path in plain.rglob("*") if path.is_file())
    assert names == sorted(p.relative_to(parallel) for p in parallel.rglob("*") if p.is_file())
    for name in (path for path in names if path.suffix == ".json"):
        assert json_content(plain / name) == json_content(parallel / name)
    assert evaluate([*argv, "--out", str(parallel), *more]) == 0
    assert json.loads((parallel / "metrics.json").read_text())["kept"] == list(CLASSES)


def test_a_class_that_cannot_be_fitted_is_named(data, tmp_path, capsys):
    changed = tmp_path / "data"
    for name in CLASSES:
        for path in (data / name / "train" / "good").iterdir():
            target = changed / name / "train" / "good" / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"no picture" if name == "nut" else path.read_bytes())
    out = tmp_path / "engines"
    assert fit_into(changed, out, "--workers", "2") == 2
    shown = capsys.readouterr()
    assert "1 of 3 classes could not be fitted: nut" in shown.err.splitlines()[-1]
    assert sorted(path.stem for path in out.glob("*.onnx")) == ["bolt", "plate"]


def test_a_class_that_cannot_be_evaluated_is_named(data, engines, tmp_path, capsys):
    some = tmp_path / "some"
    some.mkdir()
    argv = ["--data", str(data), "--engine", str(some), "--out", str(tmp_path / "out")]
    for name in ("bolt", "plate"):
        (some / f"{name}.onnx").write_bytes((engines / f"{name}.onnx").read_bytes())
    assert evaluate([*argv, "--resamples", "0", "--no-report", "--workers", "2"]) == 1
    assert "classes that were not evaluated: nut" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("codes", "error"), [((0, 1), InspectorError), ((1, 2), DataError), ((2, 6), DataError)]
)
def test_a_dead_worker_is_no_error_of_the_data(codes, error):
    rows = [ClassRow(f"c{code}", error="x" if code else "", exit_code=code) for code in codes]
    with pytest.raises(InspectorError, match="classes could not be fitted") as caught:
        refuse_failed(rows)
    assert type(caught.value) is error


@pytest.mark.parametrize("killed", ["worker", "parent"])
def test_fitting_survives_a_killed_worker_and_resumes_after_a_killed_parent(
    data, engines, tmp_path, killed
):
    out = tmp_path / "engines"
    argv = ["--method", "rad", "--normal", str(data), "--out", str(out), "--size", "64x64"]
    argv += ["--no-sheet", "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.fit", *argv],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    workers: list[int] = []
    while len(workers) < 2:
        done = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
        workers = [int(line) for line in done.stdout.split()]
        time.sleep(0.02)
    time.sleep(1.0)
    os.kill(workers[0] if killed == "worker" else process.pid, signal.SIGKILL)
    _, shown = process.communicate(timeout=100)
    if killed == "worker":
        assert process.returncode == 0, shown
        assert "its worker was killed by SIGKILL; another worker tries again" in shown
    else:
        for pid in workers:
            _wait_until_ended(pid)
        assert fit_into(data, out, "--workers", "2") == 0
    assert_same_engines(out, engines)


def _wait_until_ended(pid: int) -> None:
    for _ in range(400):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError(f"worker {pid} still runs")


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "1000"])
def test_a_wrong_number_of_workers_is_named(data, tmp_path, capsys, text):
    with pytest.raises(SystemExit) as caught:
        fit_into(data, tmp_path / "out", "--workers", text)
    assert caught.value.code == 2
    assert "a whole number from 1 to 256" in capsys.readouterr().err


def test_ids_of_texts_are_ignored_only_if_they_are_ids():
    assert without_ids("20261128T105157Z-51f69bdb 0.5 12345") == "ID 0.5 12345"
