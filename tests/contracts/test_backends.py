"""Tests what every backend in BACKENDS must do. It skips backends without their library or GPU."""

import dataclasses
import importlib.util
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.backends.fake import FakeEngine, fake_spec
from engines.opening import BACKENDS, Engine, open_engine
from engines.resize import to_input
from engines.spec import ResizeRule
from engines.spec_file import read_engine, write_engine
from inspector.core.errors import ConfigError, EngineError, SpecError
from inspector.core.types import Verdict
from learning.backbones.zoo import DEFAULT, resolve
from learning.fitting import fit_engine
from learning.job import FitOptions
from learning.methods.registry import make_method
from learning.normals import Normals

HW = (64, 96)

NEED_NO_DEVICE = {"onnx": "onnxruntime", "openvino": "openvino", "fake": "numpy"}
"""Backend -> library with which it must open on every machine."""


@pytest.fixture(scope="module", params=list(BACKENDS))
def backend(request, tmp_path_factory) -> tuple[str, Path]:
    """Name of a backend, and an engine file that it runs."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "fake":
        path = folder / "fake.json"
        path.write_text(fake_spec(HW).to_json())
    else:
        path = folder / "engine.onnx"
        fit(path)
    try:
        open_engine(path, backend=request.param, device=device(request.param)).close()
    except EngineError as exc:
        library = NEED_NO_DEVICE.get(request.param)
        if library is None or importlib.util.find_spec(library) is None:
            pytest.skip(str(exc))
        raise
    return request.param, path


def fit(path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (8, *HW, 3)).astype(np.uint8)
    names = tuple(map(str, range(8)))
    normals = Normals("noise", pixels, names, HW, ResizeRule(HW), ordered=False)
    recipe = FitOptions("noise", make_method("rad", {}), resolve(DEFAULT), threads=1)
    fit_engine(normals, recipe, path, lambda *_: None)


def device(name: str) -> str:
    return "cpu" if name in NEED_NO_DEVICE else "cuda"


def open_backend(backend: tuple[str, Path], **options) -> Engine:
    return open_engine(backend[1], backend=backend[0], device=device(backend[0]), **options)


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (count, *HW, 3)).astype(np.uint8)


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_shapes_and_types_are_those_of_the_spec(backend, batch):
    engine = open_backend(backend)
    maps, scores = engine.infer(pictures(batch))
    assert maps.shape == (batch, *engine.spec.map_hw)
    assert scores.shape == (batch,)
    assert maps.dtype == scores.dtype == np.float32


def test_predict_gives_what_infer_gives_for_resized_pictures(backend):
    with open_backend(backend) as engine:
        first, second = pictures(2)
        large = cv2.resize(second, (500, 333))
        predictions = engine.predict_batch([first, large], channels="rgb")
        pixels = [to_input(p[:, :, ::-1], engine.spec.resize)[0] for p in (first, large)]
        maps, scores = engine.infer(np.stack(pixels))
        for prediction, anomaly_map, score in zip(predictions, maps, scores, strict=True):
            np.testing.assert_array_equal(prediction.anomaly_map, anomaly_map)
            assert prediction.score == score
            failed = score >= engine.spec.image_threshold
            assert prediction.verdict is (Verdict.FAIL if failed else Verdict.PASS)
    with pytest.raises(EngineError, match="is closed"):
        engine.predict(first)


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_a_batch_gives_what_its_pictures_give_alone(backend, batch):
    engine = open_backend(backend)
    maps, scores = engine.infer(pictures(batch))
    for index in range(batch):
        alone, score = engine.infer(pictures(batch)[index : index + 1])
        assert np.abs(alone[0] - maps[index]).max() < 1e-5
        assert abs(score[0] - scores[index]) < 1e-5


def test_it_computes_what_onnxruntime_computes(backend):
    if backend[0] == "fake":
        pytest.skip("the fake engine has no graph")
    maps, scores = open_backend(backend).infer(pictures(7))
    its_maps, its_scores = open_engine(backend[1], threads=1).infer(pictures(7))
    assert np.abs(maps - its_maps).max() < 1e-5
    assert np.abs(scores - its_scores).max() < 1e-5


def test_no_pictures_give_no_maps(backend):
    engine = open_backend(backend)
    maps, scores = engine.infer(pictures(0))
    assert maps.shape == (0, *engine.spec.map_hw)
    assert scores.shape == (0,)


def test_pictures_may_be_frozen_or_views(backend):
    engine = open_backend(backend)
    maps, scores = engine.infer(pictures(3)[:, ::-1, ::-1].copy())
    frozen = pictures(3)
    frozen.flags.writeable = False
    for batch in (pictures(3)[:, ::-1, ::-1], frozen[:, ::-1, ::-1]):
        again, its_scores = engine.infer(batch)
        assert np.array_equal(again, maps)
        assert np.array_equal(its_scores, scores)


def test_a_batch_is_never_larger_than_the_graph_takes(backend, tmp_path):
    if backend[0] == "fake":
        pytest.skip("the fake engine has no graph")
    spec, model = read_engine(backend[1])
    limited = tmp_path / "limited.onnx"
    write_engine(limited, model, dataclasses.replace(spec, max_batch=2))
    maps, scores = open_backend((backend[0], limited)).infer(pictures(5))
    expected, expected_scores = open_backend(backend).infer(pictures(5))
    assert np.abs(maps - expected).max() < 1e-5
    assert np.abs(scores - expected_scores).max() < 1e-5


def test_the_same_input_gives_the_same_output(backend):
    engine, again = open_backend(backend), open_backend(backend)
    for other in (engine, again):
        maps, scores = other.infer(pictures(2))
        first_maps, first_scores = engine.infer(pictures(2))
        assert np.array_equal(maps, first_maps)
        assert np.array_equal(scores, first_scores)


def test_a_second_call_does_not_change_earlier_outputs(backend):
    engine = open_backend(backend)
    maps, _ = engine.infer(pictures(2))
    copy = maps.copy()
    engine.infer(255 - pictures(2))
    assert np.array_equal(maps, copy)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 32, 96, 3), np.uint8),
        np.zeros((1, 64, 96, 1), np.uint8),
        np.zeros((64, 96, 3), np.uint8),
        np.zeros((1, 64, 96, 3), np.float32),
    ],
)
def test_another_shape_or_dtype_is_refused_by_name(backend, wrong):
    with pytest.raises(EngineError) as caught:
        open_backend(backend).infer(wrong)
    assert "64, 96, 3" in str(caught.value)
    assert str(wrong.dtype) in str(caught.value)
    assert str(wrong.shape[-1]) in str(caught.value)


def test_it_closes_twice_and_then_refuses_to_run(backend):
    engine = open_backend(backend)
    engine.warm_up()
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.infer(pictures(1))


def test_running_on_names_the_device(backend):
    place = "CPU" if backend[0] in NEED_NO_DEVICE else "CUDA"
    assert place in open_backend(backend).running_on


@pytest.mark.parametrize("wrong", [{"device": "tpu"}, {"threads": -1}])
def test_unknown_settings_are_refused(backend, wrong):
    with pytest.raises(ConfigError, match=f"engine.{next(iter(wrong))}"):
        open_engine(backend[1], backend=backend[0], **wrong)


@pytest.mark.parametrize("name", list(BACKENDS))
def test_opening_it_never_imports_torch(name):
    module = BACKENDS[name].partition(":")[0]
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_backend_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(ConfigError, match=r"'abacus' is unknown; known: auto, onnx"):
        open_engine(tmp_path / "e.onnx", backend="abacus")


def test_the_fake_engine_finds_dark_places(tmp_path):
    engine = FakeEngine(tmp_path / "any")
    picture = np.full((2, *engine.spec.resize.input_hw, 3), 200, np.uint8)
    picture[1, 20:40, 60:80] = 10
    maps, scores = engine.infer(picture)
    assert scores[0] == 0
    assert scores[1] > engine.spec.image_threshold
    places = np.argwhere(maps[1] >= engine.spec.pixel_threshold)
    assert (places.min(axis=0) == (10, 30)).all()
    assert (places.max(axis=0) == (19, 39)).all()


def test_the_fake_engine_fails_at_the_chosen_call(tmp_path):
    engine = FakeEngine(tmp_path / "any", fail_at=1)
    pixels = np.zeros((1, *engine.spec.resize.input_hw, 3), np.uint8)
    engine.infer(pixels)
    with pytest.raises(EngineError, match="fails at call 1"):
        engine.infer(pixels)


def test_the_fake_engine_refuses_a_broken_spec(tmp_path):
    (tmp_path / "spec.json").write_text("{}")
    with pytest.raises(SpecError, match=r"missing key spec\.name"):
        FakeEngine(tmp_path / "spec.json")


def test_the_fake_engine_refuses_an_engine_file_and_says_what_to_do(tmp_path):
    (tmp_path / "good.onnx").write_bytes(b"\x08\x0a\xaa\xff")
    with pytest.raises(SpecError, match=r"fake is for tests .*good\.onnx: set it to"):
        FakeEngine(tmp_path / "good.onnx")
