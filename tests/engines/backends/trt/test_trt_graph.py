"""The graph that TensorRT is given computes what the engine's does."""

import numpy as np
import onnx
import onnxruntime
import pytest
import spox.opset.ai.onnx.v17 as op
from engine_parts import fitted, part
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


def takers(model: onnx.ModelProto, name: str) -> list[str]:
    return [node.op_type for node in model.graph.node if name in node.input]


@pytest.mark.parametrize("inside", [None, np.arange(24).reshape(4, 6) % 3 > 0])
def test_only_a_cast_takes_the_bytes_and_the_result_is_the_same(inside):
    pixels = argument(Tensor(np.uint8, ("N", 4, 6, 3)))
    model = build({"pixels": pixels}, {"image": op.identity(image(pixels, inside))})
    made = float_pixels(model)
    assert takers(model, "pixels") != ["Cast"]
    assert takers(made, "pixels") == ["Cast"]
    assert takers(made, FLOATS)
    onnx.checker.check_model(made, full_check=True)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3)).astype(np.uint8)
    assert np.array_equal(run(made, pictures)[0], run(model, pictures)[0])


def test_the_model_that_was_given_stays_as_it_is(engine_file):
    model = read_engine(engine_file)[1]
    before = model.SerializeToString(deterministic=True)
    float_pixels(model)
    assert model.SerializeToString(deterministic=True) == before


def test_an_engine_with_a_region_of_interest_computes_the_same(tmp_path):
    region = Roi((64, 96), inspect=(((4, 4), (90, 4), (90, 60), (4, 60)),))
    fitted(tmp_path / "e.onnx", roi=region)
    model = read_engine(tmp_path / "e.onnx")[1]
    pictures = np.stack([part(1), part(2, spot=True)])
    for own, made in zip(run(model, pictures), run(float_pixels(model), pictures), strict=True):
        assert np.array_equal(own, made)
