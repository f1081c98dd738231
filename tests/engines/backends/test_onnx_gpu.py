"""onnxruntime's GPU providers: how they are started, and, on a GPU, what they compute."""

import time
from pathlib import Path

import numpy as np
import pytest

from engines.backends import onnx as onnx_engine
from engines.backends.cuda_libraries import preloaded
from engines.backends.onnx import CPU, CUDA, TENSORRT, OnnxEngine
from inspector.core.errors import EngineError

ort = pytest.importorskip("onnxruntime")


def test_what_is_missing_of_cuda_is_looked_for_where_pip_puts_it_and_told(
    engine_file, monkeypatch, capsys
):
    """onnxruntime prints it, and its own search passes over the packages of its extras."""
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
    preloaded.cache_clear()
    try:
        for _ in range(2):
            with pytest.raises(EngineError, match=r"here: Failed to load libcublas.so.13: no such"):
                OnnxEngine(engine_file, device="cuda")
    finally:
        preloaded.cache_clear()
    assert capsys.readouterr().out == ""


def test_the_tensorrt_provider_is_told_no_shapes(engine_file, monkeypatch):
    """It would want them for every part of a graph that it cuts, and fail to start."""
    real = ort.InferenceSession
    given: list[dict[str, str]] = []

    def session(path, options, providers, **more):
        given.append(dict(providers)[TENSORRT])
        return real(path, options, providers=[CPU])

    monkeypatch.setattr(onnx_engine.ort, "get_available_providers", lambda: [TENSORRT, CUDA, CPU])
    monkeypatch.setattr(onnx_engine.ort, "InferenceSession", session)
    with pytest.raises(EngineError, match="cannot start here"):
        OnnxEngine(engine_file, device="tensorrt")
    assert given == [{}]


def on_gpu(path: Path, device: str) -> OnnxEngine:
    """Skips where the provider is not compiled in, or TensorRT is not installed beside it. That
    CUDA or a session does not start is a failure."""
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
def test_the_clock_of_the_gpu_shows_less_than_the_clock_on_the_wall(engine_file, device):
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
def test_a_gpu_of_onnxruntime_computes_what_the_processor_computes(engine_file, device):
    engine = on_gpu(engine_file, device)
    assert "CUDA" in engine.running_on
    pixels = np.random.default_rng(0).integers(0, 255, (33, 64, 96, 3)).astype(np.uint8)
    maps, scores = OnnxEngine(engine_file, threads=1).infer(pixels)
    for batch in (1, 2, 7):
        for at in range(0, len(pixels), batch):
            its_maps, its_scores = engine.infer(pixels[at : at + batch])
            assert np.abs(its_maps - maps[at : at + batch]).max() < 1e-4
            assert np.abs(its_scores - scores[at : at + batch]).max() < 1e-4
