"""The int8 copy of a backbone file."""

import numpy as np
import onnx
import pytest
from engine_parts import parts
from onnx import TensorProto, helper, numpy_helper

from inspector.core.errors import EngineError
from learning.backbones.features import FeatureExtractor
from learning.backbones.zoo import DEFAULT, BackboneInfo, Feature, describe, resolve
from learning.quantising import backbone as quantising
from learning.quantising.backbone import NEAR_LEAST, quantise_backbone

LAYERS = ("stride8", "stride16")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    path = tmp_path_factory.mktemp("backbone") / "int8.onnx"
    how = quantise_backbone(resolve(DEFAULT), LAYERS, parts(8), path, seed=0, threads=1)
    return path, how


@pytest.fixture(scope="module")
def graph(copy):
    return onnx.load(copy[0]).graph


def constants(graph) -> dict[str, np.ndarray]:
    return {each.name: numpy_helper.to_array(each) for each in graph.initializer}


def stored_weights(graph) -> dict[str, np.ndarray]:
    """Name of a quantised convolution -> its whole weights."""
    producers = {node.output[0]: node for node in graph.node}
    values = constants(graph)
    return {
        node.name: values[producers[node.input[1]].input[0]]
        for node in graph.node
        if node.op_type == "Conv" and node.input[1] in producers
    }


def test_the_copy_is_a_backbone_file_with_the_named_layers_only(copy):
    info = describe(copy[0])
    assert tuple(output.name for output in info.outputs) == LAYERS
    assert info.name == DEFAULT


def test_the_features_are_close_to_those_of_the_original(copy):
    pixels = parts(9).pixels[8:]
    with (
        FeatureExtractor(resolve(DEFAULT), layers=LAYERS, threads=1) as original,
        FeatureExtractor(copy[0], layers=LAYERS, threads=1) as quantised,
    ):
        right, features = original.extract(pixels), quantised.extract(pixels)
    for layer in LAYERS:
        error = np.linalg.norm(features[layer] - right[layer]) / np.linalg.norm(right[layer])
        assert 0.001 < error < 0.15


def test_the_first_layers_stay_float32_where_that_makes_the_error_smaller(copy, graph):
    how = copy[1]
    count, errors = len(how.float_layers), how.parameters["feature_errors"]
    assert errors[count] <= NEAR_LEAST * min(errors) < errors[count - 1]
    assert how.parameters["feature_error"] == errors[count]
    assert how.float_layers == tuple(f"Conv{number + 1}" for number in range(count))
    assert not set(how.float_layers) & set(stored_weights(graph))
    assert how.nodes == len(stored_weights(graph))


def test_only_weights_of_depthwise_convolutions_have_more_than_7_bits(graph):
    largest = {True: 0, False: 0}
    for weights in stored_weights(graph).values():
        assert weights.dtype == np.int8
        depthwise = weights.shape[1] == 1
        largest[depthwise] = max(largest[depthwise], np.abs(weights.astype(int)).max())
    assert largest == {True: 127, False: 64}


def test_activations_are_unsigned_with_the_zero_point_0_or_128(graph):
    values = constants(graph)
    points = [values[node.input[2]] for node in graph.node if node.op_type == "QuantizeLinear"]
    assert {point.dtype for point in points} == {np.dtype(np.uint8)}
    assert {int(point) for point in points} == {0, 128}


def test_without_a_float32_layer_the_error_is_that_of_int8_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(quantising, "MOST_FLOAT", 0)
    out = tmp_path / "int8.onnx"
    how = quantise_backbone(resolve(DEFAULT), LAYERS, parts(4), out, seed=0, threads=1)
    assert how.float_layers == ()
    assert len(how.parameters["feature_errors"]) == 1


def test_a_backbone_without_products_is_refused(tmp_path):
    info = BackboneInfo("plain", (Feature("grey", 3, 1),), 1, None, "none", "test", "")
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, "H", "W"])
    grey = helper.make_tensor_value_info("grey", TensorProto.FLOAT, ["N", 3, "h", "w"])
    graph = helper.make_graph([helper.make_node("Relu", ["image"], ["grey"])], "g", [image], [grey])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    info.write_to(model)
    onnx.save(model, tmp_path / "plain.onnx")
    with pytest.raises(EngineError, match=r"plain\.onnx has no products"):
        quantise_backbone(
            tmp_path / "plain.onnx", ("grey",), parts(4), tmp_path / "o.onnx", seed=0, threads=1
        )
