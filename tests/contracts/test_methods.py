"""What every method in the table must do."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from clip_parts import CLIP_NAME
from ready_methods import ready_method

from engines.opening import open_engine
from engines.spec import ResizeRule
from inspector.core.errors import ConfigError
from learning.fitting import fit_engine
from learning.job import FitOptions
from learning.methods.registry import (
    fitted_methods,
    make_method,
    method_class,
    trained_methods,
    trainer_class,
)
from learning.normals import Normals
from tools.train import main as train_command

HW = (64, 96)


def plate(seed: int, *, hole: bool = False) -> np.ndarray:
    random = np.random.default_rng(seed)
    picture = random.normal(150, 4, (*HW, 3)).clip(0, 255).astype(np.uint8)
    cv2.rectangle(picture, (20, 12), (76, 52), (90, 120, 140), 2)
    if hole:
        cv2.circle(picture, (40, 30), 5, (15, 15, 15), -1)
    return picture


def fit(name: str, folder: Path) -> Path:
    pixels = np.stack([plate(seed) for seed in range(8)])
    names = tuple(f"{seed}.png" for seed in range(8))
    normals = Normals("plates", pixels, names, HW, ResizeRule(HW), ordered=False)
    method, backbone = ready_method(name, {}, folder)
    options = FitOptions("plates", method, backbone, threads=1)
    fit_engine(normals, options, folder / "engine.onnx", lambda *_: None)
    return folder / "engine.onnx"


def train(name: str, folder: Path) -> Path:
    """Half of the 16 pictures are held out, so that 8 are fitted, as in `fit`."""
    good = folder / "plates" / "train" / "good"
    good.mkdir(parents=True)
    for seed in range(16):
        cv2.imwrite(str(good / f"{seed}.png"), plate(seed)[:, :, ::-1])
    paths = {"--method": name, "--data": folder / "plates", "--out": folder / "out"}
    short = {"--size": "96x64", "--epochs": 30, "--eval-every": 10, "--hold-out": 0.5}
    words = (paths | short | {"--threads": 1, "--learning-rate": 0.001}).items()
    assert train_command([str(word) for pair in words for word in pair]) == 0
    return folder / "out" / "engine.onnx"


EVERY = [
    *fitted_methods(),
    *(pytest.param(name, marks=pytest.mark.train) for name in trained_methods()),
]


@pytest.fixture(scope="module", params=EVERY)
def fitted(request, tmp_path_factory) -> tuple[str, Path]:
    make = train if request.param in trained_methods() else fit
    return request.param, make(request.param, tmp_path_factory.mktemp(request.param))


def test_eight_pictures_are_enough_and_the_graph_computes_the_reference(fitted):
    name, path = fitted
    spec = open_engine(path).spec
    assert spec.method == name
    assert spec.parity["pictures"] >= 32
    assert spec.parity["map_max_abs"] <= spec.parity["tolerance"]
    assert spec.parity["score_max_abs"] <= spec.parity["tolerance"]


def expected_backbone(name: str) -> str:
    scorer = method_class(name) if name in fitted_methods() else trainer_class(name)().scorer
    return CLIP_NAME if scorer.default_backbone == "" else scorer.default_backbone or ""


def test_its_spec_is_complete(fitted):
    spec = open_engine(fitted[1]).spec
    assert np.isfinite([spec.image_threshold, spec.pixel_threshold, *spec.display_range]).all()
    assert spec.display_range[0] < spec.pixel_threshold < spec.display_range[1]
    assert bool(spec.layers) == bool(spec.backbone)
    assert spec.backbone == expected_backbone(fitted[0])
    assert spec.threshold_rule.normals == 8
    for part in (spec.parameters, spec.golden, spec.trained_on, spec.versions, spec.created_utc):
        assert part


def test_a_defect_scores_above_every_normal_picture(fitted):
    engine = open_engine(fitted[1])
    normal = np.stack([plate(seed) for seed in range(100, 108)])
    _, scores = engine.infer(np.concatenate([normal, plate(200, hole=True)[None]]))
    assert scores[-1] > scores[:-1].max()
    assert scores[-1] >= engine.spec.image_threshold


def test_its_map_is_finite_and_never_negative(fitted):
    engine = open_engine(fitted[1])
    pictures = np.stack([np.zeros((*HW, 3)), np.full((*HW, 3), 255), plate(1)]).astype(np.uint8)
    maps, scores = engine.infer(pictures)
    assert np.isfinite(maps).all()
    assert np.isfinite(scores).all()
    assert maps.min() >= 0


@pytest.mark.parametrize("name", fitted_methods())
def test_an_option_that_it_does_not_have_is_refused_by_name(name):
    with pytest.raises(ConfigError, match=f"method {name} has no option wheels"):
        make_method(name, {"wheels": 4})
