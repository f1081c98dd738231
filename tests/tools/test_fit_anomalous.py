"""Fitting with pictures of real defects: thresholds, settings, and what is refused."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

import learning
from engines.opening import open_engine
from engines.spec_file import read_spec
from inspector.core.errors import ConfigError, DataError
from learning.normals import from_folder
from learning.selection.trials import detection, real_share
from learning.thresholds.rules import Rule
from tools.fit import main as fit

SIDE = 64


def plate(seed: int, spot: int = 0) -> np.ndarray:
    """(64, 64, 3) uint8 BGR; spot: darkness of a round defect in grey levels."""
    random = np.random.default_rng(seed)
    picture = random.normal(130, 4, (SIDE, SIDE, 3))
    if spot:
        cv2.circle(picture, (20 + seed % 20, 30), 6, (130 - spot,) * 3, -1)
    return picture.clip(0, 255).astype(np.uint8)


def folder_of(place: Path, seeds: range, spot: int = 0) -> Path:
    place.mkdir(parents=True)
    for seed in seeds:
        cv2.imwrite(str(place / f"{seed}.png"), plate(seed, spot))
    return place


@pytest.fixture
def good(tmp_path) -> Path:
    return folder_of(tmp_path / "good", range(12))


@pytest.fixture
def bad(tmp_path) -> Path:
    return folder_of(tmp_path / "bad", range(100, 106), 60)


def command(good: Path, out: Path, *more: object) -> list[str]:
    return ["--normal", str(good), "--out", str(out), "--no-sheet", *map(str, more)]


@pytest.mark.parametrize(
    ("options", "rule"),
    [([], "f1_max"), (["--cost", "10:1"], "cost"), (["--rule", "cost"], "cost")],
)
def test_defects_choose_the_threshold_and_the_note_has_figures(
    good, bad, tmp_path, capsys, options, rule
):
    out = tmp_path / "e.onnx"
    arguments = ["--method", "rad", "--anomalous", bad, *options]
    assert fit(command(good, out, *arguments)) == 0
    spec, printed = read_spec(out), capsys.readouterr().out
    assert spec.threshold_rule.rule == rule
    assert "cross-validated: " in spec.threshold_rule.note
    assert "6 of 6 defective pictures fail" in printed
    assert spec.left_out is not None
    assert spec.image_threshold > np.median(spec.left_out.scores)


def test_cost_is_stored_with_the_rule(good, bad, tmp_path):
    out = tmp_path / "e.onnx"
    assert fit(command(good, out, "--method", "rad", "--anomalous", bad, "--cost", "20:2")) == 0
    parameters = read_spec(out).threshold_rule.parameters
    assert parameters == {"miss": 20.0, "false_alarm": 2.0, "keep_odd": 0}


def test_the_threshold_separates_the_scores_that_the_engine_gives(good, bad, tmp_path):
    result = learning.fit(good, "rad", tmp_path / "e.onnx", anomalous=bad)
    pictures = np.stack([plate(seed, 60)[..., ::-1] for seed in range(100, 106)])
    resized = np.stack([cv2.resize(each, (256, 256)) for each in pictures])
    engine = open_engine(result.path)
    _, scores = engine.infer(np.ascontiguousarray(resized))
    engine.close()
    assert result.spec.left_out is not None
    assert max(result.spec.left_out.scores) < result.spec.image_threshold <= scores.min()


def test_settings_are_chosen_with_the_real_defects(good, bad, tmp_path, capsys):
    out = tmp_path / "e.onnx"
    assert fit(command(good, out, "--anomalous", bad, "--budget", "0")) == 0
    selection = read_spec(out).selection
    assert selection is not None
    assert f"the 6 real defects has a weight of {real_share(6):.0%}" in selection.criterion
    assert "simulated and real defects" in selection.reason
    assert "their figures are a little too good" in read_spec(out).threshold_rule.note


def test_the_figure_of_a_trial_weighs_simulated_and_real_defects(good, bad, tmp_path):
    result = learning.fit(good, out=tmp_path / "e.onnx", anomalous=[bad], budget_s=0.0)
    assert result.choice is not None
    trial, pictures = result.choice.trial, result.choice.pictures
    assert pictures.real is not None
    assert trial.real is not None
    assert pictures.real.kinds == ("bad",) * 6
    kinds = np.array([plan.kind for plan in pictures.plans])
    simulated = detection(trial.normal, trial.defect, kinds) - trial.candidate.handicap
    real = detection(trial.normal, trial.real, np.array(pictures.real.kinds))
    assert trial.figure == pytest.approx(simulated * 10 / 16 + real * 6 / 16, abs=1e-9)


def test_defects_are_read_as_the_good_pictures(tmp_path):
    """Also where a picture of a defect has another size and where the region is limited."""
    good = folder_of(tmp_path / "good", range(12))
    bad = folder_of(tmp_path / "bad", range(100, 103), 60)
    large = cv2.resize(plate(103, 60), (2 * SIDE, 2 * SIDE))
    cv2.imwrite(str(bad / "large.png"), large)
    roi = tmp_path / "roi.yaml"
    roi.write_text("inspect:\n- [[0, 0], [60, 0], [60, 60], [0, 60]]\n", encoding="utf-8")
    result = learning.fit(good, "rad", tmp_path / "e.onnx", anomalous=bad, roi=roi)
    assert "4 of 4 defective pictures fail" in result.spec.threshold_rule.note


def test_a_good_picture_among_the_defects_is_refused_by_name(good, bad, tmp_path, capsys):
    shutil.copy(good / "3.png", bad / "wrong.png")
    assert fit(command(good, tmp_path / "e.onnx", "--method", "rad", "--anomalous", bad)) == 2
    error = capsys.readouterr().err
    assert "wrong.png is defective and is also one of the good pictures" in error
    assert not (tmp_path / "e.onnx").exists()


def test_copies_among_the_defects_count_once(good, bad, tmp_path):
    shutil.copy(bad / "100.png", bad / "again.png")
    result = learning.fit(good, "rad", tmp_path / "e.onnx", anomalous=bad)
    assert "6 of 6 defective pictures fail" in result.spec.threshold_rule.note


def test_good_pictures_that_stand_out_count_with_suspects_keep(good, bad, tmp_path):
    arguments = ["--method", "rad", "--anomalous", bad, "--suspects", "keep"]
    assert fit(command(good, tmp_path / "e.onnx", *arguments)) == 0
    assert read_spec(tmp_path / "e.onnx").threshold_rule.parameters == {"keep_odd": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cost", "10:1"], "--cost needs pictures of real defects: add --anomalous"),
        (["--anomalous", "BAD", "--rule", "robust"], "robust takes no defective pictures"),
        (["--anomalous", "BAD", "--promise", "1/3"], "conformal takes no defective pictures"),
        (["--anomalous", "nowhere"], "nowhere does not exist"),
        (["--anomalous", "BAD", "--dataset", "mvtec"], "--anomalous works for one product"),
        (["--anomalous", "BAD", "--cost", "3:1", "--rule", "f1_max"], "has no parameter miss"),
    ],
)
def test_what_does_not_fit_together_is_refused(good, bad, tmp_path, capsys, options, message):
    arguments = [str(bad) if each == "BAD" else each for each in options]
    out = tmp_path / "e.onnx"
    assert fit(command(good, out, "--method", "rad", *arguments)) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("text", ["10", "a:b", "0:1", "1:-2", "inf:1", ":"])
def test_a_cost_must_be_two_numbers_above_0(good, bad, tmp_path, capsys, text):
    arguments = command(good, tmp_path / "e.onnx", "--anomalous", bad, f"--cost={text}")
    with pytest.raises(SystemExit):
        fit(arguments)
    assert "must be two numbers above 0, such as 10:1" in capsys.readouterr().err


def test_the_api_refuses_a_rule_without_defects(good, bad, tmp_path):
    with pytest.raises(ConfigError, match="takes no defective pictures: use f1_max or cost"):
        learning.fit(good, "rad", tmp_path / "e.onnx", anomalous=bad, rule=Rule("conformal"))
    with pytest.raises(DataError, match="holds none"):
        learning.fit(good, "rad", tmp_path / "e.onnx", anomalous=tmp_path / "none")


def test_arrays_and_normals_can_be_fitted_with_defects(good, bad, tmp_path):
    arrays = [plate(seed) for seed in range(12)]
    for number, pictures in enumerate((arrays, from_folder(good))):
        result = learning.fit(pictures, "rad", tmp_path / f"{number}.onnx", anomalous=bad)
        assert result.spec.threshold_rule.rule == "f1_max"


def test_a_large_defective_picture_is_refused_before_it_is_decoded(good, bad, tmp_path, capsys):
    large = cv2.resize(plate(103, 60), (2 * SIDE, 2 * SIDE))
    cv2.imwrite(str(bad / "large.png"), large)
    arguments = ["--method", "rad", "--anomalous", bad, "--max-pixels", SIDE * SIDE]
    assert fit(command(good, tmp_path / "e.onnx", *arguments)) == 2
    error = capsys.readouterr().err
    assert "large.png" in error
    assert "pixels" in error
