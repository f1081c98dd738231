"""Large constants of a graph: the model computes with them, and building it copies little."""

import tracemalloc

import numpy as np
import onnx
import onnxruntime
import pytest
import spox
import spox.opset.ai.onnx.v17 as op

from learning.graph.assemble import build_graph
from learning.graph.constants import LARGE, collect_large, constant
from learning.graph.half_marks import as_float32

HW = (4, 6)


def build(values, read, opset=17):
    """A model whose map is `read` of the constant, for every pixel."""

    def head(features):
        grey = op.reduce_mean(features["image"], axes=[1], keepdims=0)
        factor = read(values)
        anomaly_map = op.mul(grey, op.reduce_mean(factor, keepdims=0))
        return anomaly_map, op.reduce_max(anomaly_map, axes=[1, 2], keepdims=0)

    return build_graph(lambda image: {"image": image}, head, opset=opset, input_hw=HW, map_hw=HW)[0]


def run(model):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    pixels = np.full((2, *HW, 3), 255, np.uint8)
    return session.run(["anomaly_map", "score"], {"pixels": pixels})


@pytest.mark.parametrize("count", [10, LARGE // 4 - 1, LARGE // 4, LARGE])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("opset", [17, 18])
def test_a_graph_computes_with_its_constants_whatever_their_size(count, dtype, opset):
    values = (np.arange(count) % 5).astype(dtype)
    model = build(values, as_float32, opset)
    onnx.checker.check_model(model)
    assert [value.name for value in model.graph.input] == ["pixels"]
    assert not model.graph.initializer
    anomaly_map, score = run(model)
    np.testing.assert_allclose(anomaly_map, np.full((2, *HW), values.mean(dtype=float)), rtol=1e-5)
    np.testing.assert_allclose(score, anomaly_map.max(axis=(1, 2)))


def test_a_transposed_constant_keeps_its_order():
    values = np.arange(LARGE, dtype=np.float32).reshape(4, -1).T
    with collect_large() as constants:
        place = spox.argument(spox.Tensor(np.float32, (1,)))
        model = constants.build({"x": place}, {"y": op.add(constant(values), place)})
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (result,) = session.run(None, {"x": np.zeros(1, np.float32)})
    np.testing.assert_array_equal(result, values)


def test_building_needs_memory_for_few_copies_of_a_constant():
    values = np.ones(32 << 18, np.float32)
    tracemalloc.start()
    try:
        build(values, as_float32)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.5 * values.nbytes
