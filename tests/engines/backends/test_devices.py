"""Choosing the runtime and the device of an engine, and logging the choice."""

from dataclasses import dataclass

import numpy as np
import pytest
from cuda_rig import HostDriver
from loguru import logger

from engines.backends import choosing
from engines.backends import onnx as onnx_engine
from engines.backends.choosing import Choice, open_fastest
from engines.backends.onnx import CPU, CUDA, TENSORRT, OnnxEngine
from engines.backends.trt.driver import Cuda
from engines.opening import open_engine
from inspector.core.errors import ConfigError, EngineError, SpecError

ort = pytest.importorskip("onnxruntime")

BACKENDS = ("onnx", "openvino", "trt", "fake")
ANY = Choice("auto", "auto")

no_gpu = pytest.mark.skipif(CUDA in ort.get_available_providers(), reason="onnxruntime has CUDA")


@pytest.fixture
def messages():
    lines: list[str] = []
    handler = logger.add(lambda message: lines.append(message.record["message"]))
    yield lines
    logger.remove(handler)


@dataclass
class Runtime:
    """An engine that takes takes_s seconds per picture on a simulated clock."""

    choice: Choice
    clock: list[float]
    takes_s: float
    chosen_because: str = ""
    closed: bool = False

    @property
    def running_on(self) -> str:
        return f"{self.choice} ({self.chosen_because})"

    def warm_up(self) -> None:
        self.clock[0] += self.takes_s

    def close(self) -> None:
        self.closed = True


class Machine:
    """A simulated machine. takes_s: seconds per picture for each choice that starts."""

    def __init__(self, monkeypatch, **takes_s):
        self.takes_s = takes_s
        self.clock = [0.0]
        self.opened: list[Runtime] = []
        monkeypatch.setattr(choosing.time, "perf_counter", lambda: self.clock[0])

    def open(self, choice: Choice) -> Runtime:
        name = f"{choice.backend}_{choice.device}"
        if name not in self.takes_s:
            raise EngineError(f"no {name} here")
        self.opened.append(Runtime(choice, self.clock, self.takes_s[name]))
        return self.opened[-1]

    def open_fastest(self, requested: Choice = ANY, *, fall_back: bool = False) -> Runtime:
        return open_fastest(requested, BACKENDS, self.open, fall_back=fall_back)


def test_auto_takes_the_first_gpu_that_starts(monkeypatch, messages):
    machine = Machine(monkeypatch, onnx_cuda=0.001, onnx_cpu=0.0001)
    engine = machine.open_fastest()
    assert engine.choice == Choice("onnx", "cuda")
    assert len(machine.opened) == 1
    assert "auto skips trt on cuda: no trt_cuda here" in messages
    assert any(line.startswith("running on onnx on cuda (auto: ") for line in messages)


def test_auto_takes_the_faster_runtime_of_the_processor_and_closes_the_other(monkeypatch):
    machine = Machine(monkeypatch, onnx_cpu=0.010, openvino_cpu=0.008)
    engine = machine.open_fastest()
    assert engine.choice == Choice("openvino", "cpu")
    assert engine.chosen_because == "auto: 8.0 ms a picture, against 10.0 ms on onnx on cpu ()"
    assert [runtime.closed for runtime in machine.opened] == [True, False]


def test_auto_prefers_onnxruntime_if_times_are_equal(monkeypatch):
    machine = Machine(monkeypatch, onnx_cpu=0.010, openvino_cpu=0.0095)
    assert machine.open_fastest().choice == Choice("onnx", "cpu")


def test_slow_engines_run_fewer_rounds(monkeypatch):
    machine = Machine(monkeypatch, onnx_cpu=2.0, openvino_cpu=1.0)
    assert machine.open_fastest().choice == Choice("openvino", "cpu")
    assert machine.clock[0] == pytest.approx((2 + choosing.MIN_ROUNDS) * 3.0)


def test_a_named_device_or_backend_is_used(monkeypatch):
    machine = Machine(monkeypatch, onnx_cuda=1.0, onnx_cpu=1.0, openvino_cpu=0.1)
    assert machine.open_fastest(Choice("onnx", "auto")).choice == Choice("onnx", "cuda")
    assert machine.open_fastest(Choice("auto", "cpu")).choice == Choice("openvino", "cpu")
    assert machine.open_fastest(Choice("openvino", "auto")).choice == Choice("openvino", "cpu")


def test_some_devices_are_used_only_by_name(monkeypatch):
    machine = Machine(monkeypatch, onnx_tensorrt=1.0, openvino_intel_gpu=1.0, onnx_cpu=1.0)
    assert machine.open_fastest().choice == Choice("onnx", "cpu")
    assert machine.open_fastest(Choice("auto", "tensorrt")).choice == Choice("onnx", "tensorrt")
    assert machine.open_fastest(Choice("auto", "intel_gpu")).choice.backend == "openvino"


def test_auto_never_chooses_the_fake_engine(monkeypatch):
    machine = Machine(monkeypatch, fake_cpu=1.0)
    with pytest.raises(EngineError, match="no runtime can run the engine: trt on cuda: no trt"):
        machine.open_fastest()
    assert machine.open_fastest(Choice("fake", "auto")).choice == Choice("fake", "cpu")


def test_auto_refuses_a_missing_gpu_or_warns_if_it_may_fall_back(monkeypatch, messages):
    machine = Machine(monkeypatch, onnx_cpu=1.0)
    with pytest.raises(EngineError, match=r"trt on cuda: .*; onnx on cuda: no onnx_cuda here"):
        machine.open_fastest(Choice("auto", "cuda"))
    assert machine.open_fastest(Choice("auto", "cuda"), fall_back=True).choice.device == "cpu"
    assert "engine.device is cuda, but the engine runs on the CPU instead" in messages


def test_a_damaged_engine_ends_the_search(monkeypatch):
    def refuse(choice: Choice) -> Runtime:
        raise SpecError("damaged")

    with pytest.raises(SpecError):
        open_fastest(ANY, BACKENDS, refuse, fall_back=False)


def test_an_unknown_device_is_refused(engine_file):
    with pytest.raises(ConfigError, match=r"engine.device 'tpu' is unknown; known: auto, cpu"):
        open_engine(engine_file, backend="auto", device="tpu")


def test_auto_opens_an_engine_file_and_says_why(engine_file):
    engine = open_engine(engine_file, backend="auto", device="auto", threads=1)
    assert "(auto: " in engine.running_on
    maps, _ = engine.infer(np.zeros((1, 64, 96, 3), np.uint8))
    assert maps.shape == (1, *engine.spec.map_hw)


def test_a_named_backend_and_device_need_no_reason(engine_file):
    assert open_engine(engine_file, threads=2).running_on.endswith("CPU, 2 threads")


@no_gpu
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_onnxruntime_without_the_provider_says_what_to_install(engine_file, device, messages):
    with pytest.raises(EngineError, match=f"engine.device is {device}, but .* here has no .*gpu"):
        OnnxEngine(engine_file, device=device)
    assert "CPU" in OnnxEngine(engine_file, device=device, fall_back=True).running_on
    assert any(
        f"engine.device is {device}, but the engine runs on the CPU instead" in line
        for line in messages
    )


def test_onnxruntime_refuses_a_device_of_another_runtime(engine_file):
    with pytest.raises(EngineError, match="intel_gpu, but onnxruntime runs on cpu, cuda, tensorrt"):
        OnnxEngine(engine_file, device="intel_gpu")


@no_gpu
def test_a_provider_without_its_libraries_is_refused_or_replaced_by_the_cpu(
    engine_file, monkeypatch
):
    """Without CUDA, onnxruntime-gpu silently uses the CPU. Without TensorRT it raises an error."""
    real = ort.InferenceSession

    def session(path, options, providers, **more):
        if providers[0][0] == TENSORRT:
            raise RuntimeError("Please install TensorRT libraries\nas mentioned")
        return real(path, options, providers=[CPU], **more)

    monkeypatch.setattr(onnx_engine.ort, "get_available_providers", lambda: [TENSORRT, CUDA, CPU])
    monkeypatch.setattr(onnx_engine.ort, "InferenceSession", session)
    with pytest.raises(EngineError, match=r"is cuda, but CUDA\w+ of onnxruntime cannot start here"):
        OnnxEngine(engine_file, device="cuda")
    with pytest.raises(EngineError, match="cannot start here: Please install TensorRT libraries"):
        OnnxEngine(engine_file, device="tensorrt")
    for device in ("cuda", "tensorrt"):
        assert "CPU" in OnnxEngine(engine_file, device=device, fall_back=True).running_on


def test_buffers_of_one_batch_size_are_not_used_for_another(engine_file):
    engine = OnnxEngine(engine_file, threads=1)
    pixels = np.random.default_rng(0).integers(0, 255, (3, 64, 96, 3)).astype(np.uint8)
    first = [values.copy() for values in engine.infer(pixels)]
    for count in (1, 3, 2, 1):
        maps, scores = engine.infer(pixels[:count])
        assert np.abs(maps - first[0][:count]).max() < 1e-5
        assert np.abs(scores - first[1][:count]).max() < 1e-5


def test_a_cpu_has_no_device_clock(engine_file):
    pixels = np.zeros((1, 64, 96, 3), np.uint8)
    assert OnnxEngine(engine_file, threads=1).device_ms(pixels, 3) == []


def test_runs_on_a_gpu_are_timed_on_a_stream_of_the_engine(engine_file, monkeypatch):
    """The session runs on the CPU, and its stream belongs to the simulated driver."""
    driver = HostDriver()
    streams: list[str] = []

    class QueuedSession(ort.InferenceSession):
        def __init__(self, path, options, providers, **more):
            provider_options = dict(providers)
            streams.append(provider_options[CUDA]["user_compute_stream"])
            super().__init__(path, options, providers=[CPU], **more)

        def get_providers(self):
            return [CUDA, CPU]

        def run_with_iobinding(self, binding, options=None):
            if options is None:
                return super().run_with_iobinding(binding)
            key = "disable_synchronize_execution_providers"
            assert options.get_run_config_entry(key) == "1"
            return driver.submit(lambda: super(QueuedSession, self).run_with_iobinding(binding))

    engine = OnnxEngine(engine_file, threads=1)
    monkeypatch.setattr(onnx_engine.ort, "InferenceSession", QueuedSession)
    monkeypatch.setattr(onnx_engine, "Cuda", lambda: Cuda(driver))
    monkeypatch.setattr(engine, "_providers", (CUDA, CPU))
    times = engine.device_ms(np.zeros((2, 64, 96, 3), np.uint8), 3)
    assert times == [1.0] * 3
    assert len(streams) == 1
    assert int(streams[0]) > 0
    assert not driver.alive
