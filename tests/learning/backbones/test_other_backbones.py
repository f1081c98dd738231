"""Any backbone file that keeps the contract can be used in an engine."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import spox
import spox.opset.ai.onnx.v17 as v17
import spox.opset.ai.onnx.v18 as v18
import spox.opset.ai.onnx.v20 as v20
from engine_parts import parts

from engines.backends.onnx import OnnxEngine
from inspector.core.errors import ConfigError, EngineError
from learning.backbones.zoo import BackboneInfo, Feature
from learning.fitting import fit_engine
from learning.graph.assemble import cut_backbone
from learning.job import FitOptions
from learning.methods.registry import make_method


@pytest.fixture(params=[v17, v18, v20], ids=["opset17", "opset18", "opset20"])
def backbone(request, tmp_path: Path) -> Path:
    """One random convolution of stride 16 and another of stride 8, and a class token."""
    op = request.param
    random = np.random.default_rng(0)

    def kernels(size: int) -> spox.Var:
        return op.const(random.normal(size=(12, 3, size, size)).astype(np.float32))

    image = spox.argument(spox.Tensor(np.float32, ("N", 3, "H", "W")))
    fine = op.relu(op.conv(image, kernels(8), strides=[8, 8]))
    coarse = (
        op.gelu(op.conv(image, kernels(16), strides=[16, 16]))
        if op is v20
        else op.relu(op.conv(image, kernels(16), strides=[16, 16]))
    )
    if op is v17:
        token = op.reduce_mean(coarse, axes=[2, 3], keepdims=0)
    else:
        token = op.reduce_mean(coarse, op.const(np.array([2, 3])), keepdims=0)
    model = spox.build({"image": image}, {"layer1": fine, "layer2": coarse, "cls": token})
    outputs = (Feature("layer1", 12, 8), Feature("layer2", 12, 16), Feature("cls", 12, None))
    BackboneInfo("random", outputs, 16, None, "MIT", "here", "0" * 64).write_to(model)
    path = tmp_path / "random.onnx"
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("options", "layers"),
    [
        ({}, ("layer1", "layer2")),
        ({"layers": ("layer2",)}, ("layer2",)),
        ({"top_k": 3}, ("layer1", "layer2", "cls")),
        ({"top_k": 3, "layers": ("layer1",)}, ("layer1", "cls")),
    ],
)
def test_an_engine_takes_the_layers_it_needs_and_the_class_token_as_descriptor(
    backbone, tmp_path, options, layers
):
    recipe = FitOptions("parts", make_method("rad", options), backbone, threads=1)
    spec = fit_engine(parts(8), recipe, tmp_path / "e.onnx", lambda *_: None).spec
    assert spec.layers == layers
    assert spec.backbone == "random"
    assert spec.licence == "MIT"
    maps, _ = OnnxEngine(tmp_path / "e.onnx").infer(parts(3).pixels)
    assert np.isfinite(maps).all()


def test_what_only_unused_outputs_need_is_cut_away(backbone):
    whole, cut = onnx.load(backbone), cut_backbone(backbone, ("layer1",))
    assert [value.name for value in cut.graph.output] == ["layer1"]
    assert sum(node.op_type == "Conv" for node in whole.graph.node) == 2
    assert sum(node.op_type == "Conv" for node in cut.graph.node) == 1


def test_a_descriptor_cannot_be_compared_position_by_position(backbone, tmp_path):
    recipe = FitOptions("parts", make_method("rad", {"layers": ("cls",)}), backbone, threads=1)
    with pytest.raises(ConfigError, match="layer cls of backbone random has no grid"):
        fit_engine(parts(8), recipe, tmp_path / "e.onnx", lambda *_: None)


def test_a_layer_that_the_file_lacks_is_refused_with_those_it_has(backbone):
    with pytest.raises(EngineError, match="has no output layer9; it has"):
        cut_backbone(backbone, ("layer9",))
