"""The graph for TensorRT computes the same as the graph of the engine."""

import numpy as np
import onnx
import onnxruntime
import pytest
import spox.opset.ai.onnx.v17 as op
from engine_parts import fit_parts, part
from spox import Tensor, argument, build

from engines.backends.trt.graph import FLOATS, float_pixels
from engines.spec import Roi
from engines.spec_file import read_engine
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
