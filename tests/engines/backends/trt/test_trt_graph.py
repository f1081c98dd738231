"""The graph for TensorRT computes the same as the graph of the engine."""

import numpy as np
import onnx
import onnxruntime
import pytest
import spox.opset.ai.onnx.v17 as op
from engine_parts import fit_parts, part
from spox import Tensor, argument, build

from engines.backends.trt.graph import FLOATS, float_pixels, make_symmetric
from engines.spec import Roi
from engines.spec_file import read_engine
from inspector.core.errors import EngineError
from learning.graph.pixels import image


def run(model: onnx.ModelProto, pixels: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"pixels": pixels})


def consumers(model: onnx.ModelProto, name: str) -> list[str]:
    return [node.op_type for node in model.graph.node if name in node.input]


@pytest.mark.parametrize("inside", [None, np.arange(24).reshape(4, 6) % 3 > 0])
def test_only_a_cast_reads_the_bytes_and_the_result_is_the_same(inside):
    pixels = argument(Tensor(np.uint8, ("N", 4, 6, 3)))
    model = build({"pixels": pixels}, {"image": op.identity(image(pixels, inside))})
    changed = float_pixels(model)
    assert consumers(model, "pixels") != ["Cast"]
    assert consumers(changed, "pixels") == ["Cast"]
    assert consumers(changed, FLOATS)
    onnx.checker.check_model(changed, full_check=True)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3)).astype(np.uint8)
    assert np.array_equal(run(changed, pictures)[0], run(model, pictures)[0])


def test_the_original_model_is_not_changed(engine_file):
    model = read_engine(engine_file)[1]
    before = model.SerializeToString(deterministic=True)
    float_pixels(model)
    assert model.SerializeToString(deterministic=True) == before


def test_an_engine_with_a_region_of_interest_computes_the_same(tmp_path):
    region = Roi((64, 96), inspect=(((4, 4), (90, 4), (90, 60), (4, 60)),))
    fit_parts(tmp_path / "e.onnx", roi=region)
    model = read_engine(tmp_path / "e.onnx")[1]
    pictures = np.stack([part(1), part(2, spot=True)])
    for expected, actual in zip(
        run(model, pictures), run(float_pixels(model), pictures), strict=True
    ):
        assert np.array_equal(expected, actual)


def types_read(model: onnx.ModelProto) -> set[int]:
    """Element types of all tensors that a node reads."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    types = {v.name: v.type.tensor_type.elem_type for v in (*graph.value_info, *graph.input)}
    return {types[name] for node in graph.node for name in node.input}


def rounding_graph(point: int) -> onnx.ModelProto:
    """pixels (N, 2) float32 -> values between 0 and 6 (zero point 0) or -4 and 4 (128), rounded."""
    scale = np.float32(6 / 255 if point == 0 else 4 / 128)
    pixels = argument(Tensor(np.float32, ("N", 2)))
    zero = op.const(np.uint8(point))
    rounded = op.quantize_linear(pixels, op.const(scale), zero)
    weights = op.dequantize_linear(
        op.const(np.array([[64, -3], [5, 60]], np.int8)),
        op.const(np.float32(0.01)),
        op.const(np.int8(0)),
    )
    bias = op.dequantize_linear(
        op.const(np.array([300, -200], np.int32)), op.const(scale * 0.01), op.const(np.int32(0))
    )
    values = op.dequantize_linear(rounded, op.const(scale), zero)
    return build({"pixels": pixels}, {"sums": op.gemm(values, weights, bias)})


@pytest.mark.parametrize(("point", "steps"), [(0, 127), (128, 128)])
def test_tensorrt_gets_whole_numbers_with_the_zero_point_0(point, steps):
    model = rounding_graph(point)
    pixels = np.linspace(-9, 9, 200, dtype=np.float32).reshape(-1, 2)
    before = run(model, pixels)[0]
    make_symmetric(model.graph)
    onnx.checker.check_model(model, full_check=True)
    assert onnx.TensorProto.UINT8 not in types_read(model)
    # With the zero point 128 the values are the same; with 0 half a step of 7 bits is lost.
    loss = 0.0 if point else (64 + 5) * 0.01 * 6 / steps
    assert np.abs(run(model, pixels)[0] - before).max() <= loss + 1e-6
    # The bias is a float32 constant, so only the values and the weights are converted.
    assert [n.op_type for n in model.graph.node].count("DequantizeLinear") == 2


def test_tensorrt_gets_the_codes_of_a_bank_with_the_zero_point_0():
    queries = argument(Tensor(np.float32, ("N", 3)))
    codes = np.array([[0, 255], [128, 1], [7, 130]], np.uint8)
    bank = op.dequantize_linear(op.const(codes), op.const(np.float32(0.5)), op.const(np.uint8(128)))
    model = build({"pixels": queries}, {"products": op.matmul(queries, bank)})
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    before = run(model, values)[0]
    make_symmetric(model.graph)
    onnx.checker.check_model(model, full_check=True)
    assert onnx.TensorProto.UINT8 not in types_read(model)
    assert np.array_equal(run(model, values)[0], before)


def test_another_zero_point_is_refused():
    with pytest.raises(EngineError, match="has the zero point 7, not 0 or 128"):
        make_symmetric(rounding_graph(7).graph)
