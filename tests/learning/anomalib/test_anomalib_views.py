"""Which pictures an export of anomalib takes: their size, crop and batch."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from anomalib_graphs import HW, MAP_LIMITS, normal_folder, write
from anomalib_parts import imported, raw_values, some_pixels

from inspector.core.errors import ConfigError


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return normal_folder(tmp_path_factory.mktemp("pictures") / "good")


@pytest.mark.parametrize("how", [{"batch": 1}, {"frozen_inside": True}])
def test_a_batch_frozen_at_one_is_run_one_by_one(tmp_path, good, how):
    spec, engine = imported(write(tmp_path / "model.onnx", **how), good)
    assert spec.max_batch == 1
    pixels = some_pixels(spec)
    maps, scores = engine.infer(pixels)
    assert maps.shape == (3, *HW)
    for index in range(3):
        alone, score = engine.infer(pixels[index : index + 1])
        assert np.array_equal(alone[0], maps[index])
        assert score[0] == scores[index]


def test_a_free_batch_stays_free(tmp_path, good):
    spec, engine = imported(write(tmp_path / "model.onnx"), good)
    model = onnx.load(tmp_path / "engine.onnx")
    assert [v.type.tensor_type.shape.dim[0].dim_param for v in model.graph.input] == ["N"]
    assert engine.infer(some_pixels(spec, 5))[1].shape == (5,)


def test_the_crop_of_a_graph_becomes_the_crop_of_the_frame(tmp_path, good):
    model = write(tmp_path / "model.onnx", hw=(48, 64), crop=(8, 16, 40, 48))
    spec, engine = imported(model, good)
    assert spec.resize.input_hw == spec.map_hw == (32, 32)
    assert spec.resize.crop == pytest.approx((16 / 64, 8 / 48, 48 / 64, 40 / 48))
    pixels = some_pixels(spec)
    maps = engine.infer(pixels)[0]
    assert maps == pytest.approx((raw_values(pixels) - MAP_LIMITS[0]) / MAP_LIMITS[1] + 1, abs=1e-4)


def test_a_graph_of_free_size_gets_the_size_it_resizes_to(tmp_path, good):
    free = ("height", "width")
    model = write(tmp_path / "model.onnx", hw=free, resize=(40, 56), crop=(4, 4, 36, 52))
    spec, _ = imported(model, good)
    assert spec.resize.input_hw == (32, 48)
    assert spec.resize.crop == pytest.approx((4 / 56, 4 / 40, 52 / 56, 36 / 40))


def test_a_graph_of_free_size_without_resizing_takes_the_requested_size(tmp_path, good):
    model = write(tmp_path / "model.onnx", hw=("height", "width"))
    assert imported(model, good, (32, 64))[0].map_hw == (32, 64)
    assert imported(model, good)[0].map_hw == (256, 352)


def test_a_graph_that_resizes_a_fixed_size_gives_a_warning_with_a_better_export(
    tmp_path, good, caplog
):
    from loguru import logger

    messages: list[str] = []
    sink = logger.add(lambda message: messages.append(str(message)))
    spec, _ = imported(write(tmp_path / "model.onnx", resize=(24, 32)), good)
    logger.remove(sink)
    assert spec.resize.input_hw == HW
    assert spec.map_hw == (24, 32)
    assert any("input_size=(24, 32)" in line for line in messages)


def test_a_graph_that_resizes_a_fixed_size_and_crops_is_refused(tmp_path, good):
    model = write(tmp_path / "model.onnx", resize=(24, 32), crop=(4, 4, 20, 28))
    with pytest.raises(ConfigError, match=r"export it with input_size=\(24, 32\)"):
        imported(model, good)
