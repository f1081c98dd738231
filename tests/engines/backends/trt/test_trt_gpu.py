"""Every method gives the same outputs on TensorRT as on the CPU. Needs a GPU."""

from pathlib import Path

import numpy as np
import pytest
from engine_parts import part
from int8_parts import convert_parts, fit_teachable
from trt_engines import ENGINES, make_engine

from engines.backends.trt.build import plan_for
from engines.backends.trt.driver import Cuda
from engines.backends.trt.library import load_tensorrt
from engines.backends.trt.plan import default_folder
from engines.opening import open_engine
from engines.parity import TOLERANCES, verify
from inspector.core.errors import EngineError

# TensorRT tests kernels for minutes. TensorRT RTX needs only seconds.
pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module", autouse=True)
def tensorrt_for_this_gpu() -> None:
    cuda = Cuda()
    gpu = cuda.gpu
    cuda.close()
    try:
        library = load_tensorrt()
    except EngineError as exc:
        pytest.skip(str(exc))
    if library.is_rtx and gpu.target not in library.targets:
        pytest.skip(f"{library.version} does not build for {gpu.name} ({gpu.target})")


INT8 = "rad, int8"


@pytest.fixture(scope="module", params=[*ENGINES, INT8])
def fitted_path(request, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("gpu") / "engine.onnx"
    if request.param == INT8:
        convert_parts(fit_teachable(out.with_name("float32.onnx")), out)
    else:
        make_engine(*ENGINES[request.param], out)
    return out


@pytest.fixture
def engine_path(fitted_path, monkeypatch) -> Path:
    """An engine file with a plan cache beside it, which all tests of this engine share."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(fitted_path.parent))
    return fitted_path


def pictures(count: int) -> np.ndarray:
    return np.stack([part(seed, spot=seed % 2 == 1) for seed in range(count)])


@pytest.mark.parametrize("count", [1, 2, 8, 11])
def test_maps_scores_and_verdicts_match_the_cpu(engine_path, count):
    cpu, gpu = open_engine(engine_path), open_engine(engine_path, backend="trt", device="cuda")
    maps, scores = cpu.infer(pictures(count))
    # Three times: the plain run, the run that captures a graph, and its replay.
    for _ in range(3):
        gpu_maps, gpu_scores = gpu.infer(pictures(count))
        limits = TOLERANCES[cpu.spec.precision]
        assert np.abs(gpu_maps - maps).max() <= limits["map"] * maps.max()
        assert np.abs(gpu_scores - scores).max() <= limits["score"] * scores.max()
        verdicts = scores >= cpu.spec.image_threshold
        assert np.array_equal(gpu_scores >= cpu.spec.image_threshold, verdicts)
    gpu.close()


def test_a_plan_is_built_for_this_gpu_once(engine_path):
    cuda = Cuda()
    first = plan_for(engine_path, cuda.gpu, default_folder())
    assert first.record.purpose.gpu == cuda.gpu.name
    assert first.record.purpose.driver == cuda.gpu.driver
    assert plan_for(engine_path, cuda.gpu, default_folder()) == first
    cuda.close()


def test_an_engine_can_be_opened_again_after_it_was_closed(engine_path):
    outputs = []
    for _ in range(2):
        engine = open_engine(engine_path, backend="trt", device="cuda")
        engine.warm_up()
        assert verify(engine) is not None
        outputs.append(engine.infer(pictures(2))[0])
        engine.close()
    assert np.array_equal(*outputs)
