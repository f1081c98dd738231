"""Which runtime and device an engine is opened on, and what is said about it."""

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
def said():
    messages: list[str] = []
    handler = logger.add(lambda message: messages.append(message.record["message"]))
    yield messages
    logger.remove(handler)


@dataclass
class Runtime:
    """An engine that takes as long as it is told on a clock of its own."""

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
    """Where some choices start; seconds of one picture by choice."""

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

    def fastest(self, wanted: Choice = ANY, *, fall_back: bool = False) -> Runtime:
        return open_fastest(wanted, BACKENDS, self.open, fall_back=fall_back)


def test_auto_takes_the_first_gpu_that_starts(monkeypatch, said):
    machine = Machine(monkeypatch, onnx_cuda=0.001, onnx_cpu=0.0001)
    engine = machine.fastest()
    assert engine.choice == Choice("onnx", "cuda")
    assert len(machine.opened) == 1
    assert "auto passes over trt on cuda: no trt_cuda here" in said
    assert any(line.startswith("running on onnx on cuda (auto: ") for line in said)


def test_auto_takes_the_faster_runtime_of_the_processor_and_closes_the_other(monkeypatch):
    machine = Machine(monkeypatch, onnx_cpu=0.010, openvino_cpu=0.008)
    engine = machine.fastest()
    assert engine.choice == Choice("openvino", "cpu")
    assert engine.chosen_because == "auto: 8.0 ms a picture against 10.0 ms on onnx on cpu ()"
    assert [one.closed for one in machine.opened] == [True, False]


def test_auto_stays_with_onnxruntime_where_it_is_a_tie(monkeypatch):
    machine = Machine(monkeypatch, onnx_cpu=0.010, openvino_cpu=0.0095)
    assert machine.fastest().choice == Choice("onnx", "cpu")


def test_the_race_is_cut_short_where_engines_are_slow(monkeypatch):
    machine = Machine(monkeypatch, onnx_cpu=2.0, openvino_cpu=1.0)
    assert machine.fastest().choice == Choice("openvino", "cpu")
    assert machine.clock[0] == pytest.approx((2 + choosing.LEAST_ROUNDS) * 3.0)


def test_a_named_device_is_kept_and_a_named_backend_too(monkeypatch):
    machine = Machine(monkeypatch, onnx_cuda=1.0, onnx_cpu=1.0, openvino_cpu=0.1)
    assert machine.fastest(Choice("onnx", "auto")).choice == Choice("onnx", "cuda")
    assert machine.fastest(Choice("auto", "cpu")).choice == Choice("openvino", "cpu")
    assert machine.fastest(Choice("openvino", "auto")).choice == Choice("openvino", "cpu")


def test_devices_that_nobody_measured_are_taken_only_by_name(monkeypatch):
    machine = Machine(monkeypatch, onnx_tensorrt=1.0, openvino_intel_gpu=1.0, onnx_cpu=1.0)
    assert machine.fastest().choice == Choice("onnx", "cpu")
    assert machine.fastest(Choice("auto", "tensorrt")).choice == Choice("onnx", "tensorrt")
    assert machine.fastest(Choice("auto", "intel_gpu")).choice.backend == "openvino"


def test_auto_never_takes_the_fake_engine(monkeypatch):
    machine = Machine(monkeypatch, fake_cpu=1.0)
    with pytest.raises(EngineError, match="no runtime can run the engine: trt on cuda: no trt"):
        machine.fastest()
    assert machine.fastest(Choice("fake", "auto")).choice == Choice("fake", "cpu")


def test_a_missing_gpu_is_an_error_or_a_stated_fall_back_of_auto_too(monkeypatch, said):
    machine = Machine(monkeypatch, onnx_cpu=1.0)
    with pytest.raises(EngineError, match=r"trt on cuda: .*; onnx on cuda: no onnx_cuda here"):
        machine.fastest(Choice("auto", "cuda"))
    assert machine.fastest(Choice("auto", "cuda"), fall_back=True).choice.device == "cpu"
    assert "cuda was asked for, running on the CPU instead" in said


def test_a_damaged_engine_ends_the_search(monkeypatch):
    def damaged(choice: Choice) -> Runtime:
        raise SpecError("damaged")

    with pytest.raises(SpecError):
        open_fastest(ANY, BACKENDS, damaged, fall_back=False)


def test_an_unknown_device_is_refused(engine_file):
    with pytest.raises(ConfigError, match=r"engine.device 'tpu' is unknown; known: auto, cpu"):
        open_engine(engine_file, backend="auto", device="tpu")


def test_auto_opens_an_engine_file_and_says_why(engine_file):
    engine = open_engine(engine_file, backend="auto", device="auto", threads=1)
    assert "(auto: " in engine.running_on
    maps, _ = engine.infer(np.zeros((1, 64, 96, 3), np.uint8))
    assert maps.shape == (1, *engine.spec.map_hw)


def test_a_named_backend_and_device_have_no_reason_beside_them(engine_file):
    assert open_engine(engine_file, threads=2).running_on.endswith("CPU, 2 threads")


@no_gpu
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_onnxruntime_without_the_provider_says_what_to_install(engine_file, device, said):
    with pytest.raises(EngineError, match=f"engine.device is {device}, but .* here has no .*gpu"):
        OnnxEngine(engine_file, device=device)
    assert "CPU" in OnnxEngine(engine_file, device=device, fall_back=True).running_on
    assert any(f"{device} was asked for, running on the CPU instead" in line for line in said)


def test_onnxruntime_refuses_a_device_of_another_runtime(engine_file):
    with pytest.raises(EngineError, match="intel_gpu, but onnxruntime runs on cpu, cuda, tensorrt"):
        OnnxEngine(engine_file, device="intel_gpu")


@no_gpu
def test_a_provider_without_its_libraries_is_refused_or_fallen_back_from(engine_file, monkeypatch):
    """As seen with onnxruntime-gpu where CUDA and TensorRT are not installed: the one gives way to
    the CPU in silence, the other raises RuntimeError."""
    real = ort.InferenceSession

    def session(path, options, providers, **more):
        if providers[0][0] == TENSORRT:
            raise RuntimeError("Please install TensorRT libraries\nas mentioned")
        return real(path, options, providers=[CPU], **more)

    monkeypatch.setattr(onnx_engine.ort, "get_available_providers", lambda: [TENSORRT, CUDA, CPU])
    monkeypatch.setattr(onnx_engine.ort, "InferenceSession", session)
    with pytest.raises(EngineError, match=r"is cuda, but onnxruntime's CUDA.* cannot start here"):
        OnnxEngine(engine_file, device="cuda")
    with pytest.raises(EngineError, match="cannot start here: Please install TensorRT libraries"):
        OnnxEngine(engine_file, device="tensorrt")
    for device in ("cuda", "tensorrt"):
        assert "CPU" in OnnxEngine(engine_file, device=device, fall_back=True).running_on


def test_what_is_bound_for_one_batch_is_not_used_for_another(engine_file):
    engine = OnnxEngine(engine_file, threads=1)
    pixels = np.random.default_rng(0).integers(0, 255, (3, 64, 96, 3)).astype(np.uint8)
    first = [values.copy() for values in engine.infer(pixels)]
    for count in (1, 3, 2, 1):
        maps, scores = engine.infer(pixels[:count])
        assert np.abs(maps - first[0][:count]).max() < 1e-5
        assert np.abs(scores - first[1][:count]).max() < 1e-5


def test_a_processor_has_no_clock_of_its_own(engine_file):
    pixels = np.zeros((1, 64, 96, 3), np.uint8)
    assert OnnxEngine(engine_file, threads=1).device_ms(pixels, 3) == []


def test_runs_on_a_gpu_are_timed_on_a_stream_that_is_known_here(engine_file, monkeypatch):
    """As onnxruntime does it where that is the processor, whose stream is a made one."""
    driver = HostDriver()
    streams: list[str] = []

    class Session(ort.InferenceSession):
        def __init__(self, path, options, providers, **more):
            streams.extend(own["user_compute_stream"] for name, own in providers if name == CUDA)
            super().__init__(path, options, providers=[CPU], **more)

        def get_providers(self):
            return [CUDA, CPU]

        def run_with_iobinding(self, binding, options=None):
            if options is None:
                return super().run_with_iobinding(binding)
            key = "disable_synchronize_execution_providers"
            assert options.get_run_config_entry(key) == "1"
            return driver.submit(lambda: super(Session, self).run_with_iobinding(binding))

    engine = OnnxEngine(engine_file, threads=1)
    monkeypatch.setattr(onnx_engine.ort, "InferenceSession", Session)
    monkeypatch.setattr(onnx_engine, "Cuda", lambda: Cuda(driver))
    monkeypatch.setattr(engine, "_providers", (CUDA, CPU))
    times = engine.device_ms(np.zeros((2, 64, 96, 3), np.uint8), 3)
    assert times == [1.0] * 3
    assert len(streams) == 1
    assert int(streams[0]) > 0
    assert not driver.alive
