"""Starting the GPU providers of onnxruntime; on a GPU also their times and outputs."""

import time
from pathlib import Path

import numpy as np
import pytest

from engines.backends import onnx as onnx_engine
from engines.backends.cuda_libraries import preload_libraries
from engines.backends.onnx import CPU, CUDA, TENSORRT, OnnxEngine
from inspector.core.errors import EngineError

ort = pytest.importorskip("onnxruntime")


def test_the_error_names_the_missing_cuda_libraries(engine_file, monkeypatch, capsys):
    """preload_dlls searches the packages of the extras and prints what is missing."""
    real = ort.InferenceSession
    monkeypatch.setattr(onnx_engine.ort, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(
        onnx_engine.ort,
        "InferenceSession",
        lambda path, options, providers, **more: real(path, options, providers=[CPU]),
    )
    monkeypatch.setattr(
        onnx_engine.ort,
        "preload_dlls",
        lambda: print("Failed to load libcublas.so.13:\nno such file"),
        raising=False,
    )
    preload_libraries.cache_clear()
    try:
        for _ in range(2):
            with pytest.raises(EngineError, match=r"here: Failed to load libcublas.so.13: no such"):
                OnnxEngine(engine_file, device="cuda")
    finally:
        preload_libraries.cache_clear()
    assert capsys.readouterr().out == ""


def test_the_tensorrt_provider_gets_no_shapes(engine_file, monkeypatch):
    """With shapes it would need those of every part of the split graph, and fail to start."""
    real = ort.InferenceSession
    options_of_tensorrt: list[dict[str, str]] = []

    def session(path, options, providers, **more):
        options_of_tensorrt.append(dict(providers)[TENSORRT])
        return real(path, options, providers=[CPU])

    monkeypatch.setattr(onnx_engine.ort, "get_available_providers", lambda: [TENSORRT, CUDA, CPU])
    monkeypatch.setattr(onnx_engine.ort, "InferenceSession", session)
    with pytest.raises(EngineError, match="cannot start here"):
        OnnxEngine(engine_file, device="tensorrt")
    assert options_of_tensorrt == [{}]


def on_gpu(path: Path, device: str) -> OnnxEngine:
    """Skips the test if the provider is not compiled in or TensorRT is not installed.

    If CUDA or a session cannot start, the test fails.
    """
    try:
        return OnnxEngine(path, device=device)
    except EngineError as exc:
        absent = ("here has no", "install TensorRT libraries")
        if any(words in str(exc) for words in absent):
            pytest.skip(str(exc))
        raise


@pytest.mark.gpu
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_times_on_the_gpu_are_shorter_than_wall_time(engine_file, device):
    engine = on_gpu(engine_file, device)
    pixels = np.zeros((8, 64, 96, 3), np.uint8)
    times = engine.device_ms(pixels, 20)
    assert len(times) == 20
    assert min(times) > 0
    start = time.perf_counter()
    for _ in range(20):
        engine.infer(pixels)
    assert sum(times) < (time.perf_counter() - start) * 1e3


@pytest.mark.gpu
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_the_gpu_gives_the_same_outputs_as_the_cpu(engine_file, device):
    engine = on_gpu(engine_file, device)
    assert "CUDA" in engine.running_on
    pixels = np.random.default_rng(0).integers(0, 255, (33, 64, 96, 3)).astype(np.uint8)
    maps, scores = OnnxEngine(engine_file, threads=1).infer(pixels)
    for batch in (1, 2, 7):
        for at in range(0, len(pixels), batch):
            gpu_maps, gpu_scores = engine.infer(pixels[at : at + batch])
            assert np.abs(gpu_maps - maps[at : at + batch]).max() < 1e-4
            assert np.abs(gpu_scores - scores[at : at + batch]).max() < 1e-4
