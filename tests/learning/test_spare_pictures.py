"""More good pictures than max_pictures: the others choose the thresholds, or are left out."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from engine_parts import part

import learning
from engines.backends.onnx import OnnxEngine
from learning.thresholds.changing import picture_hash
from tools.fit import main as fit

SHORT = {"size": (64, 96), "threads": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("good")
    for seed in range(70):
        cv2.imwrite(str(place / f"{seed:02}.png"), part(seed)[:, :, ::-1])
    return place


@pytest.mark.parametrize("source", ["folder", "files"])
def test_many_pictures_above_the_limit_choose_the_thresholds(folder, tmp_path, source):
    pictures = folder if source == "folder" else sorted(folder.iterdir())
    out = tmp_path / "e.onnx"
    spec = learning.fit(pictures, "rad", out, max_pictures=10, **SHORT).spec
    trained, rule = spec.trained_on, spec.threshold_rule
    assert (trained["count"], trained["held_out"], trained["unused"]) == (10, 60, 0)
    assert (rule.scheme, rule.normals, rule.folds) == ("held-out", 60, 1)
    assert len(spec.left_out.scores) == 60
    assert len(spec.left_out.bank) == spec.parameters["bank_pictures"] == 10
    others = [seed for seed in range(70) if picture_hash(part(seed)) not in spec.left_out.bank]
    _, scores = OnnxEngine(out).infer(np.stack([part(seed) for seed in others]))
    assert spec.left_out.scores == pytest.approx(scores, abs=1e-5)
    assert [row.rate for row in spec.rates] == [0.02, 0.05, 0.1]


@pytest.mark.parametrize("most", [21, 69])
def test_few_pictures_above_the_limit_are_left_out_and_counted(folder, tmp_path, most):
    spec = learning.fit(folder, "rad", tmp_path / "e.onnx", max_pictures=most, **SHORT).spec
    trained = spec.trained_on
    assert (trained["count"], trained["held_out"], trained["unused"]) == (most, 0, 70 - most)
    assert (spec.threshold_rule.scheme, spec.threshold_rule.normals) == ("10-fold", most)


def test_the_command_does_the_same(folder, tmp_path):
    out = tmp_path / "e.onnx"
    options = ["--method", "rad", "--size", "96x64", "--max-pictures", "20", "--no-sheet"]
    assert fit(["--normal", str(folder), "--out", str(out), *options]) == 0
    trained = OnnxEngine(out).spec.trained_on
    assert (trained["count"], trained["held_out"], trained["unused"]) == (20, 50, 0)


@pytest.mark.parametrize("scheme", [learning.Scheme(folds=5), learning.Scheme(held_out=0.4)])
def test_with_a_scheme_of_the_user_the_others_are_not_read(folder, tmp_path, scheme):
    spec = learning.fit(
        folder, "rad", tmp_path / "e.onnx", max_pictures=10, scheme=scheme, **SHORT
    ).spec
    assert spec.trained_on["unused"] == 60
    assert spec.trained_on["count"] + spec.trained_on["held_out"] == 10


def test_arrays_are_limited_as_before(tmp_path):
    pictures = [part(seed) for seed in range(70)]
    spec = learning.fit(
        pictures, "rad", tmp_path / "e.onnx", channels="rgb", max_pictures=10, **SHORT
    ).spec
    trained = spec.trained_on
    assert (trained["count"], trained["held_out"], trained["unused"]) == (10, 0, 60)
