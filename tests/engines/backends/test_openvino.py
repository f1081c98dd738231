"""Engines on OpenVINO give the same outputs as on onnxruntime."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from engine_parts import HW, part, parts
from int8_parts import convert_parts, fit_teachable
from ready_methods import ready_method

from engines.backends.onnx import OnnxEngine
from engines.backends.openvino import OpenVinoEngine
from engines.opening import open_engine
from engines.parity import compare_golden
from engines.spec_file import graph_hash, read_engine, write_engine
from inspector.core.errors import ConfigError, EngineError, InferenceError
from learning.fitting import fit_engine
from learning.job import FitOptions
from learning.methods.registry import fitted_methods

openvino = pytest.importorskip(
    "openvino", reason="OpenVINO is not installed: pip install '.[openvino]'"
)

TOLERANCE = 1e-5
"""Relative to the largest value, at least 1. Measured differences are below 2e-6."""


LARGE_BANK = ("patchcore", {"coreset": 0.8})


@pytest.fixture(scope="module", params=[*((name, {}) for name in fitted_methods()), LARGE_BANK])
def method_engine(request, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("engine") / "engine.onnx"
    method, backbone = ready_method(*request.param, out.parent)
    recipe = FitOptions("parts", method, backbone, threads=1)
    fit_engine(parts(8), recipe, out, lambda *_: None)
    return out


def test_every_method_gives_the_outputs_and_verdicts_of_onnxruntime(method_engine):
    reference = OnnxEngine(method_engine, threads=1)
    engine = OpenVinoEngine(method_engine, threads=1)
    pixels = np.stack([part(100 + i, spot=i % 2 == 1) for i in range(35)])
    maps, scores = reference.infer(pixels)
    limit = reference.spec.image_threshold
    scale = max(1.0, float(maps.max()), float(scores.max()))
    for batch in (1, 2, 7):
        for at in range(0, len(pixels), batch):
            openvino_maps, openvino_scores = engine.infer(pixels[at : at + batch])
            part_of_all = slice(at, at + batch)
            assert np.abs(openvino_maps - maps[part_of_all]).max() <= TOLERANCE * scale
            assert np.abs(openvino_scores - scores[part_of_all]).max() <= TOLERANCE * scale
            assert np.array_equal(openvino_scores >= limit, scores[part_of_all] >= limit)


def test_an_int8_engine_passes_the_check_of_its_golden_pictures(tmp_path):
    convert_parts(fit_teachable(tmp_path / "e.onnx"), tmp_path / "int8.onnx")
    result = compare_golden(OpenVinoEngine(tmp_path / "int8.onnx", threads=1), batch=2)
    assert result.failures == ()


def test_parallel_pictures_give_the_same_bits_as_single_ones(engine_file):
    pixels = np.stack([part(i, spot=i % 2 == 1) for i in range(7)])
    maps, scores = OpenVinoEngine(engine_file, threads=2).infer(pixels)
    engine = OpenVinoEngine(engine_file, threads=2, hint="throughput")
    openvino_maps, openvino_scores = engine.infer(pixels)
    assert np.array_equal(openvino_maps, maps)
    assert np.array_equal(openvino_scores, scores)


def compiled_for(engine: OpenVinoEngine):
    return engine._requests[0].get_compiled_model()


def test_computations_use_the_precision_of_the_graph(engine_file):
    precision = compiled_for(OpenVinoEngine(engine_file)).get_property("INFERENCE_PRECISION_HINT")
    assert precision == openvino.Type.f32


def test_threads_and_hint_are_as_requested(engine_file):
    engine = OpenVinoEngine(engine_file, threads=2)
    assert compiled_for(engine).get_property("INFERENCE_NUM_THREADS") == 2
    assert compiled_for(engine).get_property("NUM_STREAMS") == 1
    assert engine.running_on.endswith("CPU, 2 threads, latency")
    engine = open_engine(engine_file, backend="openvino", threads=1, hint="throughput")
    assert compiled_for(engine).get_property("INFERENCE_NUM_THREADS") == 1
    assert engine.running_on.endswith("CPU, 1 thread, throughput")


def test_an_unknown_hint_is_refused(engine_file):
    with pytest.raises(ConfigError, match=r"engine.hint 'haste' is unknown; known: latency, thr"):
        OpenVinoEngine(engine_file, hint="haste")


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_devices_of_other_backends_are_refused_or_replaced_by_the_cpu(engine_file, device):
    with pytest.raises(EngineError, match=f"is {device}, but OpenVINO runs on cpu and intel_gpu"):
        OpenVinoEngine(engine_file, device=device)
    assert "CPU" in OpenVinoEngine(engine_file, device=device, fall_back=True).running_on


def test_a_missing_intel_gpu_is_refused_or_replaced_by_the_cpu(engine_file):
    if any(name.startswith("GPU") for name in openvino.Core().available_devices):
        pytest.skip("this machine has an Intel GPU")
    with pytest.raises(EngineError, match="finds no Intel GPU"):
        OpenVinoEngine(engine_file, device="intel_gpu")
    assert "CPU" in OpenVinoEngine(engine_file, device="intel_gpu", fall_back=True).running_on


def test_a_graph_that_it_cannot_run_is_refused_in_one_sentence(engine_file, tmp_path):
    spec, model = read_engine(engine_file)
    model.graph.node[0].op_type = "Nonsense"
    path = tmp_path / "nonsense.onnx"
    write_engine(path, model, dataclasses.replace(spec, graph_hash=graph_hash(model)))
    with pytest.raises(EngineError, match=r"OpenVINO cannot open the engine .*nonsense") as caught:
        OpenVinoEngine(path)
    assert "\n" not in str(caught.value)


def test_after_a_failure_it_waits_for_all_requests(engine_file, monkeypatch):
    waited = []

    class Request:
        def __init__(self, name: str) -> None:
            self.name = name

        def start_async(self, inputs, share_inputs):
            if self.name == "second":
                raise RuntimeError("out of\nmemory")

        def wait(self):
            waited.append(self.name)

    engine = OpenVinoEngine(engine_file)
    monkeypatch.setattr(engine, "_requests", [Request("first"), Request("second")])
    with pytest.raises(InferenceError, match="failed: out of memory"):
        engine.infer(np.zeros((2, *HW, 3), np.uint8))
    assert waited == ["first", "second"]


def test_without_openvino_it_says_what_to_install(engine_file):
    code = f"""
import sys
sys.modules["openvino"] = None
from pathlib import Path
from engines.opening import open_engine
from engines.parity import compare_golden
from inspector.core.errors import EngineError
try:
    open_engine(Path({str(engine_file)!r}), backend="openvino")
except EngineError as exc:
    sys.exit("pip install '.[openvino]'" not in str(exc))
sys.exit(2)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
