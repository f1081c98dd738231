"""Engines of method auto: what the spec says about the choice, and the command."""

from pathlib import Path

import cv2
import pytest
from engine_parts import part

import learning
from engines.spec_file import read_spec
from learning.job import EngineResult
from learning.methods.registry import make_method
from learning.selection.candidates import DEFAULT
from tools.fit import main as fit


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("good")
    for seed in range(8):
        cv2.imwrite(str(place / f"{seed}.png"), part(seed)[:, :, ::-1])
    return place


@pytest.fixture(scope="module")
def quick(folder, tmp_path_factory) -> EngineResult:
    out = tmp_path_factory.mktemp("auto") / "e.onnx"
    return learning.fit(folder, out=out, size=(64, 96), threads=1, budget_s=0)


def test_the_spec_says_what_was_tried_and_what_the_engine_uses(quick):
    spec = read_spec(quick.path)
    selection = spec.selection
    assert selection == quick.choice.selection
    assert selection.budget_seconds == 0
    tried = [row for row in selection.candidates if row.score is not None]
    assert {row.method for row in tried} == {DEFAULT.method} == {spec.method}
    assert all(0 <= row.score <= 1 and row.seconds > 0 for row in tried)
    chosen = selection.candidates[selection.chosen]
    fraction = chosen.settings.get("top_fraction", make_method(DEFAULT.method, {}).top_fraction)
    assert spec.parameters["top_fraction"] == fraction
    assert all(row.note for row in selection.candidates if row.score is None)


def test_a_size_of_the_user_is_the_size_of_the_input(quick):
    assert quick.spec.resize.input_hw == (64, 96)


def test_an_engine_of_a_named_method_has_no_selection(engine_file):
    assert read_spec(engine_file).selection is None


def test_the_command_chooses_without_a_method(folder, tmp_path):
    out = tmp_path / "e.onnx"
    command = ["--normal", str(folder), "--out", str(out), "--size", "96x64", "--threads", "1"]
    assert fit([*command, "--budget", "0", "--no-sheet"]) == 0
    spec = read_spec(out)
    assert spec.selection.budget_seconds == 0
    assert "simulated defects in the trials" in spec.selection.reason


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--top-fraction", "0.1"], "--top-fraction needs --method"),
        (["--method", "auto", "--top-fraction", "0.1"], "--top-fraction needs --method"),
        (["--method", "rad", "--budget", "5"], "--budget and --quick limit the trials"),
        (["--method", "rad", "--quick"], "--budget and --quick limit the trials"),
        (["--budget", "-1"], "budget must be finite and at least 0 s, not -1"),
        (["--budget", "nan"], "budget must be finite"),
        (["--backbone", "nothing"], "nothing"),
    ],
)
def test_options_that_do_not_go_together_are_refused(folder, tmp_path, capsys, options, message):
    out = tmp_path / "e.onnx"
    command = ["--normal", str(folder), "--out", str(out), "--size", "96x64"]
    assert fit([*command, *options]) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [["--quick", "--budget", "5"], ["--radius", "1"]])
def test_options_that_auto_does_not_have_are_a_usage_error(folder, tmp_path, options):
    with pytest.raises(SystemExit) as caught:
        fit(["--normal", str(folder), "--out", str(tmp_path / "e.onnx"), *options])
    assert caught.value.code == 2
