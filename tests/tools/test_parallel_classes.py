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
from same_results import engine_content, json_content, without_ids

from inspector.core.errors import DataError, InspectorError
from learning.class_rows import ClassRow, refuse_failed
from tools.evaluate import main as evaluate
from tools.fit import main as fit

ROOT = Path(__file__).parents[2]
GOOD = ("bolt", "nut")
TORN = "torn"
"""A class whose good pictures cannot be read."""


def write_picture(path: Path, seed: int, *, bad: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).normal(150, 5, (64, 64, 3)).clip(0, 255).astype(np.uint8)
    if bad:
        values[20:36, 20:36] = 10
    cv2.imwrite(str(path), values)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for number, name in enumerate((*GOOD, TORN)):
        for seed in range(6):
            write_picture(folder / name / "train" / "good" / f"{seed}.png", 100 * number + seed)
        for seed in range(3):
            write_picture(folder / name / "test" / "good" / f"{seed}.png", 50 + seed)
            write_picture(folder / name / "test" / "hole" / f"{seed}.png", 60 + seed, bad=True)
    for path in (folder / TORN / "train" / "good").iterdir():
        path.write_bytes(b"no picture")
    return folder


def fit_arguments(data: Path, out: Path, *more: str) -> list[str]:
    argv = ["--method", "rad", "--normal", str(data), "--out", str(out), "--size", "64x64"]
    return [*argv, "--no-sheet", *more]


def start(argv: list[str]) -> "subprocess.Popen[str]":
    """Fits in another process: this process simulates fewer defects, see conftest."""
    return subprocess.Popen(
        [sys.executable, "-m", "tools.fit", *argv],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def engines(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fitted in a loop."""
    out = tmp_path_factory.mktemp("engines") / "plain"
    process = start(fit_arguments(data, out))
    _, shown = process.communicate(timeout=100)
    assert process.returncode == 2, shown
    return out


def assert_same_engines(out: Path, other: Path) -> None:
    assert sorted(path.stem for path in out.glob("*.onnx")) == list(GOOD)
    assert json_content(out / "fit.json") == json_content(other / "fit.json")
    for name in GOOD:
        (graph, spec), (other_graph, other_spec) = (
            engine_content(folder / f"{name}.onnx") for folder in (out, other)
        )
        assert graph == other_graph
        assert spec == other_spec


@pytest.mark.parametrize(
    "more", [pytest.param((), id="processes"), pytest.param(("--ray",), marks=pytest.mark.ray)]
)
def test_engines_are_those_of_a_loop_also_after_a_killed_worker(
    data, engines, tmp_path, more, capsys
):
    out = tmp_path / "engines"
    process = start(fit_arguments(data, out, "--workers", "2", *more))
    if not more:
        os.kill(first_worker_of(process), signal.SIGKILL)
    table, shown = process.communicate(timeout=200)
    assert process.returncode == 2, shown
    assert [line.split()[0] for line in table.splitlines()] == ["class", *GOOD, TORN]
    assert "1 of 3 classes could not be fitted: torn" in shown.splitlines()[-1]
    assert more or "its worker was killed by SIGKILL; another worker tries again" in shown
    assert_same_engines(out, engines)
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.onnx")}
    assert fit(fit_arguments(data, out)) == 2
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*.onnx")} == before


def first_worker_of(process: "subprocess.Popen[str]") -> int:
    while process.poll() is None:
        done = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
        if done.stdout:
            return int(done.stdout.split()[0])
        time.sleep(0.02)
    raise AssertionError("no worker was started")


@pytest.mark.parametrize(
    "more",
    [pytest.param((), id="processes"), pytest.param(("--ray", "auto"), marks=pytest.mark.ray)],
)
def test_evaluations_are_those_of_a_loop(data, engines, tmp_path, more, capsys):
    argv = ["--data", str(data), "--engine", str(engines), "--resamples", "50"]
    plain, parallel = tmp_path / "plain", tmp_path / "parallel"
    assert evaluate([*argv, "--out", str(plain)]) == 1
    capsys.readouterr()
    assert evaluate([*argv, "--out", str(parallel), "--workers", "2", *more]) == 1
    assert "classes that were not evaluated: torn" in capsys.readouterr().err
    names = sorted(path.relative_to(plain) for path in plain.rglob("*") if path.is_file())
    assert names == sorted(p.relative_to(parallel) for p in parallel.rglob("*") if p.is_file())
    for name in (path for path in names if path.suffix == ".json"):
        assert json_content(plain / name) == json_content(parallel / name)
    assert evaluate([*argv, "--out", str(parallel)]) == 1
    assert json.loads((parallel / "metrics.json").read_text())["kept"] == list(GOOD)


@pytest.mark.parametrize(
    ("codes", "error"), [((0, 1), InspectorError), ((1, 2), DataError), ((2, 6), DataError)]
)
def test_a_dead_worker_is_no_error_of_the_data(codes, error):
    rows = [ClassRow(f"c{code}", error="x" if code else "", exit_code=code) for code in codes]
    with pytest.raises(InspectorError, match="classes could not be fitted") as caught:
        refuse_failed(rows)
    assert type(caught.value) is error


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "1000"])
def test_a_wrong_number_of_workers_is_named(data, tmp_path, capsys, text):
    with pytest.raises(SystemExit) as caught:
        fit(fit_arguments(data, tmp_path / "out", "--workers", text))
    assert caught.value.code == 2
    assert "a whole number from 1 to 256" in capsys.readouterr().err


def test_ids_of_texts_are_ignored_only_if_they_are_ids():
    assert without_ids("20261128T105157Z-51f69bdb 0.5 12345") == "ID 0.5 12345"
