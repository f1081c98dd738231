"""The embedded backbone on onnxruntime."""

import builtins
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from inspector.core.errors import ConfigError, EngineError, SpecError
from learning.backbones import zoo
from learning.backbones.features import FeatureExtractor

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

EMBEDDED = zoo.resolve(zoo.DEFAULT)
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def extractor():
    with FeatureExtractor(EMBEDDED, layers=None, threads=1) as opened:
        yield opened


def noise(count, height, width):
    shape = (count, height, width, 3)
    return np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (96, 160), (32, 32)])
@pytest.mark.parametrize("count", [1, 2])
def test_every_size_and_count_gives_grids_of_the_stated_stride(extractor, count, height, width):
    grids = extractor.extract(noise(count, height, width))
    assert list(grids) == ["stride8", "stride16"]
    assert grids["stride8"].shape == (count, 40, height // 8, width // 8)
    assert grids["stride16"].shape == (count, 112, height // 16, width // 16)
    assert all(grid.dtype == np.float32 for grid in grids.values())


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_picture_has_the_same_features_in_any_batch(extractor, count):
    pixels = noise(count, 64, 96)
    together = extractor.extract(pixels)
    for index in range(count):
        alone = extractor.extract(pixels[index : index + 1])
        for name, grid in alone.items():
            np.testing.assert_allclose(together[name][index], grid[0], rtol=0, atol=1e-4)


@pytest.mark.parametrize("value", [0, 127, 255])
def test_a_constant_picture_has_finite_features_that_are_even_inside(extractor, value):
    grid = extractor.extract(np.full((1, 256, 256, 3), value, dtype=np.uint8))["stride8"]
    assert np.isfinite(grid).all()
    inside = grid[0, :, 14:18, 14:18]
    assert np.ptp(inside, axis=(1, 2)).max() < 1e-3


def test_a_drawn_picture_has_the_features_of_the_published_network(extractor):
    """The figures are from that network in float64, with separate batch norms."""
    rows, columns = np.mgrid[:64, :96]
    pixels = np.stack((rows * 3, columns * 2, rows * columns % 256), axis=-1).astype(np.uint8)
    grids = extractor.extract(pixels[None])
    stride8 = [-7.547733366, 0.600658639, -0.197231264, -5.832520311, -6.921952188]
    stride16 = [12.365454101, 12.089329469, 1.702428482, 1.653920122, 7.768909198]
    np.testing.assert_allclose(grids["stride8"][0, :5, 3, 7], stride8, rtol=0, atol=1e-4)
    np.testing.assert_allclose(grids["stride16"][0, :5, 2, 4], stride16, rtol=0, atol=1e-4)


def test_the_order_of_the_colours_matters(extractor):
    pixels = noise(1, 64, 64)
    first, second = (extractor.extract(p)["stride16"] for p in (pixels, pixels[..., ::-1]))
    assert np.abs(first - second).max() > 0.1


def test_only_the_requested_layers_are_returned_in_their_order():
    with FeatureExtractor(EMBEDDED, layers=("stride16",), threads=1) as extractor:
        assert list(extractor.extract(noise(1, 64, 64))) == ["stride16"]
    with FeatureExtractor(EMBEDDED, layers=("stride16", "stride8"), threads=1) as two:
        assert list(two.extract(noise(1, 64, 64))) == ["stride16", "stride8"]


def test_an_unknown_layer_is_refused():
    with pytest.raises(ConfigError, match="no layer 'layer3'; it has stride8, stride16"):
        FeatureExtractor(EMBEDDED, layers=("layer3",))


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((1, 64, 64, 3), np.float32),
        np.zeros((64, 64, 3), np.uint8),
        np.zeros((1, 64, 64, 1), np.uint8),
        np.zeros((0, 64, 64, 3), np.uint8),
    ],
)
def test_another_shape_or_dtype_is_refused_by_name(extractor, pixels):
    with pytest.raises(EngineError, match=r"takes \(n, H, W, 3\) uint8"):
        extractor.extract(pixels)


def test_a_size_that_is_no_multiple_of_32_is_refused(extractor):
    with pytest.raises(ConfigError, match="multiples of 32, not 70x64"):
        extractor.extract(noise(1, 64, 70))


def test_a_closed_extractor_says_so_and_closes_twice():
    closed = FeatureExtractor(EMBEDDED, layers=None)
    closed.close()
    closed.close()
    with pytest.raises(EngineError, match="is closed"):
        closed.extract(noise(1, 32, 32))


def test_a_file_that_is_no_backbone_is_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"no")
    with pytest.raises(SpecError):
        FeatureExtractor(tmp_path / "x.onnx", layers=None)


def small_model(nodes, outputs, info, opset=17):
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, *info.input_hw])
    graph = helper.make_graph(nodes, "small", [image], outputs)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ours", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    info.write_to(model)
    return model


def small_info(*outputs):
    return zoo.BackboneInfo("small", outputs, 8, (16, 24), "MIT", "a test", "")


def test_a_descriptor_of_the_whole_picture_comes_beside_the_grids(tmp_path):
    info = small_info(zoo.Feature("block3", 3, 8), zoo.Feature("cls", 3, None))
    nodes = [
        helper.make_node("AveragePool", ["image"], ["block3"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("ReduceMean", ["image"], ["cls"], axes=[2, 3], keepdims=0),
    ]
    outputs = [
        helper.make_tensor_value_info("block3", TensorProto.FLOAT, ["N", 3, 2, 3]),
        helper.make_tensor_value_info("cls", TensorProto.FLOAT, ["N", 3]),
    ]
    onnx.save(small_model(nodes, outputs, info), tmp_path / "small.onnx")
    pixels = noise(2, 16, 24)
    with FeatureExtractor(tmp_path / "small.onnx", layers=None) as small:
        features = small.extract(pixels)
    assert features["block3"].shape == (2, 3, 2, 3)
    np.testing.assert_allclose(features["cls"], pixels.mean(axis=(1, 2)) / 255, atol=1e-6)


def test_a_graph_that_the_runtime_cannot_load_is_reported_in_one_line(tmp_path):
    info = small_info(zoo.Feature("grid", 3, 1))
    nodes = [helper.make_node("Unheard", ["image"], ["grid"], domain="ours")]
    outputs = [helper.make_tensor_value_info("grid", TensorProto.FLOAT, ["N", 3, 16, 24])]
    onnx.save(small_model(nodes, outputs, info), tmp_path / "odd.onnx")
    with pytest.raises(EngineError, match=r"onnxruntime cannot load .*odd\.onnx") as caught:
        FeatureExtractor(tmp_path / "odd.onnx", layers=None)
    assert "\n" not in str(caught.value)


def test_a_missing_onnxruntime_names_the_extras(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("onnxruntime"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(EngineError, match=r"pip install '\.\[cpu\]' \(or '\.\[gpu\]'"):
        FeatureExtractor(EMBEDDED, layers=None)


def test_extracting_needs_no_torch():
    code = (
        "import sys, numpy as np\n"
        "from learning.backbones import zoo, features\n"
        "found = features.FeatureExtractor(zoo.resolve('efficientnet_lite0'), layers=None)\n"
        "found.extract(np.zeros((1, 32, 32, 3), np.uint8))\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


def test_cuda_that_onnxruntime_lacks_gives_one_sentence():
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(EngineError, match="features on CUDA need onnxruntime with CUDAExec"):
        FeatureExtractor(zoo.resolve(zoo.DEFAULT), layers=None, device="cuda")


def test_cuda_that_does_not_start_is_an_error_and_not_the_processor(monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    real = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda path, options, providers: real(path, options, providers=providers[1:]),
    )
    with pytest.raises(EngineError, match="CUDAExecutionProvider cannot start here: see its"):
        FeatureExtractor(zoo.resolve(zoo.DEFAULT), layers=None, device="cuda")
