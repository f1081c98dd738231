"""Counting the operations and bytes of graphs."""

import numpy as np
import onnx
import pytest
from engine_parts import fit_parts
from onnx import TensorProto, helper, numpy_helper

from engines.cost import count_cost
from engines.spec_file import read_engine
from inspector.core.errors import EngineError
from learning.backbones import vit
from learning.backbones.feature_graph import Weights
from learning.backbones.zoo import BackboneInfo, Feature
from learning.half_precision import halve_graph

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def model(
    op: str, shape: list[int | str], *weights: np.ndarray, dtype: int = FLOAT, **attributes: object
) -> onnx.ModelProto:
    """A graph with a single node. The shape of its output is not stored."""
    names = [f"w{index}" for index in range(len(weights))]
    node = helper.make_node(op, ["x", *names], ["y"], **attributes)
    graph = helper.make_graph(
        [node],
        "graph",
        [helper.make_tensor_value_info("x", dtype, shape)],
        [helper.make_tensor_value_info("y", dtype, None)],
        [numpy_helper.from_array(array, name) for name, array in zip(names, weights, strict=True)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def zeros(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    ("graph", "multiply_adds"),
    [
        # Each of 5 x 6 x 8 outputs is a sum of 3 x 3 x 4 products.
        (model("Conv", ["N", 4, 6, 8], zeros(5, 4, 3, 3), pads=[1, 1, 1, 1]), 240 * 36),
        (model("Conv", ["N", 4, 6, 8], zeros(5, 4, 3, 3), strides=[2, 2]), 5 * 2 * 3 * 36),
        # Depthwise: each output sees one channel.
        (model("Conv", ["N", 4, 6, 8], zeros(4, 1, 3, 3), group=4), 4 * 4 * 6 * 9),
        # Each of 4 x 6 x 8 inputs is spread over 5 x 2 x 2 outputs.
        (model("ConvTranspose", ["N", 4, 6, 8], zeros(4, 5, 2, 2), strides=[2, 2]), 192 * 20),
        (model("MatMul", ["N", 7, 4], zeros(4, 5)), 7 * 5 * 4),
        (model("Gemm", [1, 4], zeros(4, 5)), 5 * 4),
        (model("Gemm", [1, 4], zeros(1, 5), transA=1), 4 * 5),
        (model("Relu", ["N", 4]), 0),
    ],
)
def test_products_are_counted_as_calculated_by_hand(graph, multiply_adds):
    cost = count_cost(graph)
    assert sum(cost.flops.values()) == 2 * multiply_adds
    assert cost.gflop == pytest.approx(2e-9 * multiply_adds)


def test_bytes_of_constants_inputs_and_outputs_are_counted():
    cost = count_cost(model("MatMul", ["N", 7, 4], zeros(4, 5, dtype=np.float16), dtype=HALF))
    assert cost.flops == {"float16": 2 * 7 * 5 * 4}
    assert cost.constant_bytes == 4 * 5 * 2
    assert cost.picture_bytes == (7 * 4 + 7 * 5) * 2


def test_products_of_restored_bytes_are_counted_as_int8():
    weights = numpy_helper.from_array(zeros(5, 4, 3, 3, dtype=np.int8), "w")
    scale = numpy_helper.from_array(np.array(0.1, np.float32), "s")
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s"], ["a"]),
        helper.make_node("DequantizeLinear", ["w", "s"], ["b"]),
        helper.make_node("Conv", ["a", "b"], ["y"], strides=[2, 2]),
        helper.make_node("Conv", ["x", "b"], ["z"], strides=[2, 2]),
    ]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, ["N", 4, 6, 8])],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in "yz"],
        [weights, scale],
    )
    cost = count_cost(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))
    assert cost.flops == {"int8": 2 * 5 * 2 * 3 * 36, "float32": 2 * 5 * 2 * 3 * 36}
    assert cost.constant_bytes == 5 * 4 * 9 + 4


def test_work_that_cannot_be_counted_is_refused():
    with pytest.raises(EngineError, match="operator Einsum cannot be counted"):
        count_cost(model("Einsum", ["N", 4], zeros(4), equation="nc,c->n"))
    with pytest.raises(EngineError, match="tensor y does not follow from the graph"):
        count_cost(model("MatMul", ["N", "rows", 4], zeros(4, 5)))
    with pytest.raises(EngineError, match="MatMul in DOUBLE cannot be counted"):
        count_cost(
            model("MatMul", ["N", 4], zeros(4, 5, dtype=np.float64), dtype=TensorProto.DOUBLE)
        )
    with pytest.raises(EngineError, match="ConvTranspose lacks an operand or a dimension"):
        count_cost(model("ConvTranspose", ["N", 4, 6, 8]))


def test_half_precision_moves_the_backbone_to_float16_and_changes_no_count(tmp_path):
    path = tmp_path / "engine.onnx"
    fit_parts(path)
    graph = read_engine(path)[1]
    full, half = count_cost(graph), count_cost(halve_graph(graph))
    assert full.flops.keys() == {"float32"}
    assert half.gflop == full.gflop
    # The search of the bank stays in float32.
    assert half.flops["float16"] > 0.9 * sum(half.flops.values())
    assert half.constant_bytes < 0.65 * full.constant_bytes
    assert full.picture_bytes == 64 * 96 * 3 + 64 * 96 * 4 + 4


def transformer(depth: int) -> float:
    """Operations of the first blocks of a ViT-B/16 on 448 x 448 px."""
    shape = vit.SHAPES["dinov3_vitb16"]
    wide, channels = 4 * shape.channels, shape.channels
    sizes: dict[str, tuple[int, ...]] = {
        "patch_embed.proj.weight": (channels, 3, 16, 16),
        "cls_token": (1, 1, channels),
        "reg_token": (1, 4, channels),
    }
    vectors = ["patch_embed.proj.bias", "norm.weight", "norm.bias"]
    for block in (f"blocks.{index}." for index in range(depth)):
        sizes[block + "attn.qkv.weight"] = (3 * channels, channels)
        sizes[block + "attn.proj.weight"] = (channels, channels)
        sizes[block + "mlp.fc1.weight"] = (wide, channels)
        sizes[block + "mlp.fc1.bias"] = (wide,)
        sizes[block + "mlp.fc2.weight"] = (channels, wide)
        norms = [f"norm{index}.{part}" for index in "12" for part in ("weight", "bias")]
        others = ("attn.proj.bias", "mlp.fc2.bias", "gamma_1", "gamma_2")
        vectors += [block + name for name in (*norms, *others)]
    sizes |= dict.fromkeys(vectors, (channels,))
    info = BackboneInfo(
        name="vit",
        outputs=(Feature(f"block{depth - 1}", channels, 16),),
        size_multiple=16,
        input_hw=(448, 448),
        licence="none",
        origin="zeros",
        weights_sha256="0" * 64,
    )
    weights = Weights({name: zeros(*size) for name, size in sizes.items()}, "zeros")
    return count_cost(vit.build(weights, info, shape, [depth - 1], (448, 448))).gflop


def test_a_vit_b_16_takes_158_gflop_for_a_picture_of_448_px():
    """86 million weights on 789 tokens, and attention: 135 + 23."""
    first = transformer(1)
    block = transformer(2) - first
    assert first + 11 * block == pytest.approx(158, rel=0.005)


def test_an_attribute_without_the_constant_of_its_type_is_not_counted():
    graph = model("MatMul", ["n", 5, 7], zeros(7, 11))
    before = count_cost(graph)
    graph.graph.node[0].attribute.add(name="alpha", type=onnx.AttributeProto.TENSOR)
    assert count_cost(graph) == before
