"""Methods that need more than one pass of a backbone: each is fitted, exported, checked and run.

The examples are small. They show that the contract of a method carries a graph from pixels to map
without a backbone, several passes, and constants from a text encoder.
"""

import numpy as np
import onnx
import pytest
import spox.opset.ai.onnx.v17 as op
from engine_parts import HW, part, parts
from example_methods import ENCODED, LocalContrast, MirrorMean, TextPrompts, constant
from grey_source import GreySource

from engines.backends.onnx import OnnxEngine
from inspector.core.errors import ConfigError, ParityError
from learning.backbones.zoo import DEFAULT, describe, resolve
from learning.fitting import fit_engine
from learning.graph.maps import MapCanvas
from learning.job import FitOptions
from learning.methods.feature_source import SourceRequest

EXAMPLES = (LocalContrast, MirrorMean, TextPrompts)


@pytest.fixture(scope="module", params=EXAMPLES)
def example(request, tmp_path_factory):
    method = request.param()
    out = tmp_path_factory.mktemp(method.name) / "e.onnx"
    options = FitOptions("parts", method, method.find_backbone(None), sigma=1.0, threads=1)
    fit_engine(parts(8), options, out, lambda *_: None)
    return method, out


def test_it_is_fitted_exported_and_computes_what_its_reference_says(example):
    method, out = example
    engine = OnnxEngine(out, threads=1)
    assert engine.spec.method == method.name
    assert engine.spec.parity["map_max_abs"] <= engine.spec.parity["tolerance"]
    assert engine.spec.parity["pictures"] >= 32
    pixels = np.stack([part(100), part(101, spot=True), part(102)])
    with method.open_source(SourceRequest(method.find_backbone(None), HW, threads=1)) as source:
        model = method.fit(method.embed(source.extract(parts(8).pixels)), 0)
        features = source.extract(pixels)
    canvas = MapCanvas(HW, 1.0, engine.spec.parameters["top_fraction"])
    right_maps, right_scores = method.reference(model, features, canvas)
    engine_maps, engine_scores = engine.infer(pixels)
    assert np.abs(engine_maps - right_maps).max() < 1e-4
    assert np.abs(engine_scores - right_scores).max() < 1e-4
    assert right_maps.std() > 0


@pytest.mark.parametrize("example", [LocalContrast, MirrorMean], indirect=True)
def test_a_spot_fails_and_new_good_parts_score_below(example):
    engine = OnnxEngine(example[1], threads=1)
    pixels = np.stack([*(part(seed) for seed in range(100, 104)), part(200, spot=True)])
    maps_, scores = engine.infer(pixels)
    assert scores[-1] > scores[:-1].max()
    assert scores[-1] >= engine.spec.image_threshold
    y, x = np.unravel_index(np.argmax(maps_[-1]), HW)
    assert abs(x - 70) < 10
    assert abs(y - 40) < 10


@pytest.mark.parametrize("example", [LocalContrast], indirect=True)
def test_a_method_without_a_backbone_says_so_in_its_spec(example):
    spec = OnnxEngine(example[1], threads=1).spec
    assert (spec.backbone, spec.layers, spec.licence) == ("", ("grey",), "")
    assert "backbone_sha256" not in spec.versions
    assert example[1].stat().st_size < 200_000
    with pytest.raises(ConfigError, match="local_contrast uses no backbone"):
        LocalContrast.find_backbone(DEFAULT)


@pytest.mark.parametrize("example", [MirrorMean], indirect=True)
def test_two_passes_store_the_backbone_once(example):
    spec, info = OnnxEngine(example[1], threads=1).spec, describe(resolve(DEFAULT))
    assert (spec.backbone, spec.layers) == (DEFAULT, ("stride8",))
    assert spec.versions["backbone_sha256"] == info.sha256
    nodes = [node.op_type for node in onnx.load(example[1]).graph.node]
    backbone = [node.op_type for node in onnx.load(resolve(DEFAULT)).graph.node]
    assert nodes.count("Conv") <= backbone.count("Conv")


@pytest.mark.parametrize("example", [TextPrompts], indirect=True)
def test_constants_of_a_text_encoder_are_computed_once_and_stored_in_the_engine(example):
    method, out = example
    spec = OnnxEngine(out, threads=1).spec
    assert spec.licence.endswith("text encoder MIT")
    assert {"backbone_sha256", "text_encoder_sha256"} <= set(spec.versions)
    assert (spec.parameters["normal"], spec.parameters["defective"]) == ("flawless", "damaged")
    assert ENCODED.count("flawless") == 1
    text = method.fit({}, 0) * method.sharpness
    constants = [
        onnx.numpy_helper.to_array(node.attribute[0].t)
        for node in onnx.load(out).graph.node
        if node.op_type == "Constant" and node.attribute[0].name == "value"
    ]
    assert any(
        c.shape[:2] == text.shape and np.allclose(c[:, :, 0, 0], text)
        for c in constants
        if c.ndim == 4
    )


def test_a_source_whose_two_forms_differ_is_refused_and_leaves_no_file(tmp_path, monkeypatch):
    def darker(self, image):
        return {"grey": op.mul(op.reduce_mean(image, axes=[1], keepdims=1), constant(0.9))}

    monkeypatch.setattr(GreySource, "graph", darker)
    options = FitOptions("parts", LocalContrast(), None, sigma=1.0, threads=1)
    with pytest.raises(ParityError, match="differs from its method"):
        fit_engine(parts(8), options, tmp_path / "e.onnx", lambda *_: None)
    assert not list(tmp_path.iterdir())
