"""The mask in the graph, in numpy and in float64, on onnxruntime and OpenVINO."""

import contextlib
import dataclasses
import math

import numpy as np
import pytest
from autoencoder_parts import random_model
from foreground_scenes import HW, belt, empty_scene, moving, scene
from glass_parts import model as glass_model

from engines.opening import open_engine
from engines.spec import Roi
from engines.spec_file import read_spec
from learning.finishing import make_engine
from learning.fitting import fit_engine
from learning.foreground.finding import AUTO, find_foreground
from learning.foreground.method import FOREGROUND, ForegroundMethod, ForegroundSource
from learning.graph.maps import MapCanvas
from learning.job import FitOptions, MakeOptions
from learning.methods.autoencoder.method import Autoencoder
from learning.methods.glass.method import Glass
from learning.methods.registry import make_method

ROI = Roi(HW, (((0.0, 0.0), (150.0, 0.0), (150.0, 128.0), (0.0, 128.0)),))


def fit(out, source, method_name="rad", roi=None, options=None):
    pictures = moving(12)
    learned, pictures = find_foreground(pictures, source, roi)
    method = make_method(method_name, options or {})
    settings = FitOptions(
        "discs",
        method,
        method.find_backbone(None),
        threads=1,
        roi=learned.roi,
        foreground=learned,
        simulated=8,
        augment="none",
    )
    return fit_engine(pictures, settings, out, lambda *_: None), learned


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """Of the empty scene, with a region of interest."""
    folder = tmp_path_factory.mktemp("scene")
    result, learned = fit(
        folder / "e.onnx", empty_scene(folder / "empty"), roi=ROI, options={"radius": None}
    )
    return result.path, learned


def infer(path, pixels, **options):
    with contextlib.closing(open_engine(path, threads=1, **options)) as opened:
        return opened.infer(pixels)


@pytest.mark.parametrize("name", ["patchcore", "padim", "ensemble"])
def test_the_graph_of_a_fitted_method_computes_the_reference(name, tmp_path):
    result, _ = fit(tmp_path / "e.onnx", AUTO, name)
    parity = result.spec.parity
    assert parity["pictures"] >= 32
    assert parity["map_max_abs"] <= parity["tolerance"]
    assert result.spec.method == name
    assert result.spec.foreground is not None
    assert result.spec.foreground.source == "border of the good pictures"


@pytest.mark.parametrize("name", ["glass", "autoencoder"])
def test_the_graph_of_trained_networks_computes_the_reference(name, tmp_path):
    learned, pictures = find_foreground(moving(8), AUTO)
    scorer = Glass() if name == "glass" else Autoencoder()
    model = glass_model(37, 11, HW) if name == "glass" else random_model()
    options = MakeOptions(
        "discs", scorer, scorer.find_backbone(None), threads=1, foreground=learned, simulated=0
    )
    result = make_engine(model, pictures, options, tmp_path / "e.onnx", lambda *_: None)
    assert result.spec.parity["score_max_abs"] <= result.spec.parity["tolerance"]
    maps, scores = infer(result.path, pictures.pixels[:2])
    if name == "glass":
        np.testing.assert_allclose(scores, maps.max(axis=(1, 2)), rtol=1e-6)


def test_openvino_computes_the_same_masks(engine):
    path, _ = engine
    pixels = np.stack([scene(seed)[0] for seed in range(300, 306)])
    maps, scores = infer(path, pixels)
    other_maps, other_scores = infer(path, pixels, backend="openvino")
    np.testing.assert_allclose(other_maps, maps, atol=1e-4)
    np.testing.assert_allclose(other_scores, scores, atol=1e-4)
    assert np.isfinite(scores).all()


def test_the_map_is_zero_outside_the_mask_and_a_defect_inside_is_seen(engine):
    path, learned = engine
    good, bad = scene(310)[0], scene(310, spot=(5, 5))[0]
    maps, scores = infer(path, np.stack([good, bad]))
    masks = learned.masks(np.stack([good, bad]))
    assert (maps[masks == 0] == 0).all()
    spec = read_spec(path)
    assert scores[0] < spec.image_threshold <= scores[1]


def test_a_worn_belt_changes_the_score_only_without_a_foreground(engine, tmp_path):
    path, _ = engine
    method = make_method("rad", {"radius": None})
    settings = FitOptions("all", method, method.find_backbone(None), threads=1, simulated=8)
    whole = fit_engine(moving(12), settings, tmp_path / "whole.onnx", lambda *_: None)
    place = (45, 45)
    both = np.stack([scene(311, centre=place)[0], scene(311, centre=place, worn=(142, 112))[0]])
    _, (clean, worn) = infer(whole.path, both)
    assert clean < whole.spec.image_threshold
    assert worn > 3 * clean
    _, (clean, worn) = infer(path, both)
    assert worn < 1.2 * clean


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
def test_an_empty_scene_has_an_infinite_score(engine, backend):
    path, _ = engine
    empty = belt(7).clip(0, 255).astype(np.uint8)
    maps, scores = infer(path, np.stack([empty, scene(312)[0]]), backend=backend)
    assert scores[0] == math.inf
    assert np.isfinite(scores[1])
    assert np.isfinite(maps).all()


def test_the_share_of_the_score_counts_the_judged_part(engine):
    path, learned = engine
    settings = read_spec(path).parameters
    area = HW[0] * 150
    assert settings["score_top_k"] == int(settings["top_fraction"] * learned.covered * area)


def test_an_input_that_cells_do_not_divide_has_the_same_masks_in_all_forms():
    hw = (101, 143)
    pictures = moving(8)
    cut = dataclasses.replace(
        pictures,
        pixels=np.ascontiguousarray(pictures.pixels[:, : hw[0], : hw[1]]),
        frame_hw=hw,
        rule=dataclasses.replace(pictures.rule, input_hw=hw),
    )
    learned, cut = find_foreground(cut, AUTO)
    assert learned.model is not None
    method = make_method("rad", {})

    class Ones(type(method)):
        """Maps of ones, so that only the mask is compared."""

        def embed(self, features):
            return {}

        def measure(self, model, embeddings, canvas):
            return np.ones((4, *hw), np.float32), np.ones(4, np.float32)

        def reference(self, model, features, canvas):
            return np.ones((4, *hw)), np.ones(4)

    source = ForegroundSource(Nothing(), learned.model.cell)
    features = source.extract(cut.pixels[:4])
    assert set(features) == {FOREGROUND}
    masked = ForegroundMethod(Ones(), learned.model)
    canvas = MapCanvas(hw)
    measured, _ = masked.measure(None, masked.embed(features), canvas)
    expected, _ = masked.reference(None, features, canvas)
    np.testing.assert_allclose(measured, expected, atol=1e-5)
    assert measured.shape == (4, *hw)
    assert 0 < measured.mean() < 1


class Nothing:
    """A source without features."""

    backbone_name, layers, licence, opset, files = "", (), "", 17, {}

    def extract(self, pixels):
        return {}
