"""The three forms of GLASS agree: the graph, batched numpy and the literal one."""

import dataclasses

import cv2
import numpy as np
import onnx
import pytest
from engine_parts import HW, part, parts
from glass_parts import LAYERS, model, networks

from engines.backends.onnx import OnnxEngine
from engines.roi import draw_mask
from engines.spec import Roi
from inspector.core.errors import ConfigError, DataError, ParityError
from learning.backbones.features import FeatureExtractor
from learning.backbones.zoo import DEFAULT, describe, resolve
from learning.finishing import make_engine
from learning.graph.assemble import build_graph
from learning.graph.maps import MapCanvas
from learning.graph.pixels import blank_outside
from learning.job import MakeOptions
from learning.methods.feature_source import SourceRequest
from learning.methods.glass.method import Glass, trained_glass
from learning.methods.registry import fitted_methods, make_method, trained_methods

LEFT = Roi(HW, inspect=(((0.0, 0.0), (50.0, 0.0), (50.0, 64.0), (0.0, 64.0)),))


@pytest.fixture(scope="module")
def extractor():
    with FeatureExtractor(resolve(DEFAULT), layers=LAYERS, threads=1) as opened:
        yield opened


def pictures(count=7):
    return np.stack([part(seed, spot=seed % 2 == 0) for seed in range(count)])


def engine_of(made, out, **options):
    request = MakeOptions("glass", Glass(), resolve(DEFAULT), threads=1, **options)
    return make_engine(made, parts(8), request, out, lambda *_: None)


@pytest.mark.parametrize(("dims", "hidden"), [(152, 101), (37, 11), (64, 8)])
@pytest.mark.parametrize("region", [None, LEFT])
def test_the_folded_model_equals_the_literal_networks(extractor, dims, hidden, region):
    inside = None if region is None else draw_mask(region, HW)
    canvas = MapCanvas(HW, 4.0, 0.0, inside)
    made = model(dims, hidden, HW)
    features = extractor.extract(blank_outside(pictures(), inside))
    maps, scores = Glass().measure(made, Glass().embed(features), canvas)
    wanted_maps, wanted_scores = Glass().reference(made, features, canvas)
    assert np.abs(maps - wanted_maps).max() < 1e-5
    assert np.abs(scores - wanted_scores).max() < 1e-5
    assert wanted_maps.std() > 1e-3


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("region", [None, LEFT])
def test_the_engine_equals_the_literal_networks_at_any_batch(tmp_path, extractor, count, region):
    made = model(48, 32, HW)
    fitted = engine_of(made, tmp_path / "e.onnx", roi=region)
    inside = None if region is None else draw_mask(region, HW)
    engine = OnnxEngine(tmp_path / "e.onnx", threads=1)
    pixels = pictures(count)
    maps, scores = engine.infer(pixels)
    canvas = MapCanvas(HW, 4.0, 0.0, inside)
    wanted_maps, wanted_scores = Glass().reference(
        made, extractor.extract(blank_outside(pixels, inside)), canvas
    )
    assert np.abs(maps - wanted_maps).max() < 1e-5
    assert np.abs(scores - wanted_scores).max() < 1e-5
    assert fitted.spec.parity["map_max_abs"] < 1e-5


def test_the_head_has_few_nodes():
    made = model(152, 101, HW)
    with Glass().open_source(SourceRequest(resolve(DEFAULT), HW)) as source:
        graph, _ = build_graph(
            source.graph,
            lambda features: Glass().head(made, features, MapCanvas(HW, 4.0, 0.0)),
            opset=source.opset,
            input_hw=HW,
            map_hw=HW,
        )
    backbone = onnx.load(resolve(DEFAULT))
    pixels = ("Transpose", "Cast", "Mul")
    operators = [n.op_type for n in graph.graph.node if n.op_type not in ("Constant", "Identity")]
    trunk = [n.op_type for n in backbone.graph.node if n.op_type not in ("Constant", "Identity")]
    assert len(operators) - len(trunk) - len(pixels) <= 14
    assert {"Resize", "Pad", "TopK"}.isdisjoint(operators[len(trunk) :])


def test_the_score_is_the_largest_raw_one_and_not_that_of_the_smoothed_map(extractor):
    made = model(48, 32, HW)
    features = extractor.extract(pictures())
    maps, scores = Glass().measure(made, features, MapCanvas(HW, 4.0, 0.0))
    grid = made.folded.scores(features)
    assert np.array_equal(scores, grid.max(axis=(1, 2)))
    assert (scores > maps.max(axis=(1, 2))).all()


def test_a_cell_outside_the_region_never_wins(extractor):
    made = model(48, 32, HW)
    features = extractor.extract(pictures())
    inside = draw_mask(LEFT, HW)
    grid = made.folded.scores(features)
    _, scores = Glass().measure(made, features, MapCanvas(HW, 4.0, 0.0, inside))
    assert np.array_equal(scores, grid[:, :, :6].max(axis=(1, 2)))
    assert (grid.max(axis=(1, 2)) > scores).any()


def test_the_spec_says_what_was_trained(tmp_path):
    facts = {"textures": "built-in", "best_epoch": 3}
    made = model(152, 101, HW, facts=facts)
    spec = engine_of(made, tmp_path / "e.onnx").spec
    assert (spec.method, spec.layers, spec.precision) == ("glass", LAYERS, "float32")
    assert spec.parameters["textures"] == "built-in"
    assert spec.parameters["best_epoch"] == 3
    assert (spec.parameters["dims"], spec.parameters["hidden"]) == (152, 101)
    assert spec.parameters["kernels"]["stride8"]["shape"][2:] == [3, 3]
    assert "top_fraction" not in spec.parameters
    assert 0 < spec.image_threshold <= 1


def test_a_score_that_no_picture_can_pass_is_no_threshold(tmp_path):
    certain = networks(48, 32)
    certain["discriminator"]["tail.0.weight"][:] = 1000
    certain["discriminator"]["body.block1.1.bias"][:] = 10
    with FeatureExtractor(resolve(DEFAULT), layers=LAYERS, threads=1) as extractor:
        made = trained_glass(certain, extractor, HW)
    with pytest.raises(DataError, match="the score of method glass is 1 on all 8 good pictures"):
        engine_of(made, tmp_path / "e.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_head_that_computes_something_else_is_refused(tmp_path, monkeypatch):
    made = model(48, 32, HW)
    wrong = dataclasses.replace(
        made, folded=dataclasses.replace(made.folded, bias=made.folded.bias + 0.1)
    )
    with pytest.raises(ParityError, match="differs from its method"):
        engine_of(wrong, tmp_path / "e.onnx")
    assert list(tmp_path.iterdir()) == []


def test_layers_of_strides_8_and_16_are_taken_unless_others_are_named():
    info = describe(resolve(DEFAULT))
    wider = dataclasses.replace(
        info,
        outputs=(dataclasses.replace(info.outputs[0], name="stride4", stride=4), *info.outputs),
    )
    assert Glass().outputs(wider) == LAYERS
    assert Glass(layers=("stride16",)).outputs(info) == ("stride16",)
    with pytest.raises(ConfigError, match="name stride8 first"):
        Glass(layers=("stride16", "stride8")).outputs(info)
    with pytest.raises(ConfigError, match="layer stride8 is named twice"):
        Glass(layers=("stride8", "stride8")).outputs(info)


def test_glass_is_trained_and_not_fitted():
    assert "glass" in trained_methods()
    assert "glass" not in fitted_methods()
    with pytest.raises(
        ConfigError, match="glass is trained, not fitted: use `line-inspector train`"
    ):
        make_method("glass", {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["pre_projection"].pop("layers.0fc.weight"), r"no matrix layers\.0fc\.weight"),
        (lambda s: s["discriminator"].pop("tail.0.weight"), r"no tensor tail\.0\.weight"),
        (
            lambda s: s["discriminator"].update({"body.block1.0.weight": np.zeros((8, 3))}),
            "do not fit patch vectors of 48 values",
        ),
    ],
)
def test_a_checkpoint_that_lacks_something_is_refused_by_name(extractor, change, message):
    state = networks(48, 8)
    change(state)
    with pytest.raises(ConfigError, match=message):
        trained_glass(state, extractor, HW)


def test_a_bright_picture_is_judged_like_any_other(extractor):
    made = model(48, 32, HW)
    white = np.full((1, *HW, 3), 255, np.uint8)
    cv2.circle(white[0], (20, 20), 4, (0, 0, 0), -1)
    maps, scores = Glass().measure(made, extractor.extract(white), MapCanvas(HW, 4.0, 0.0))
    assert np.isfinite(maps).all()
    assert np.isfinite(scores).all()
