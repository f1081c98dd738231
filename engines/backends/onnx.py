"""Runs an engine file on onnxruntime: on the CPU, or on a GPU (CUDA or TensorRT provider)."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from engines.backends.checked import (
    CheckedEngine,
    check_device_settings,
    refuse_or_warn,
    threads_text,
)
from engines.backends.cuda_libraries import preload_libraries
from engines.backends.trt.driver import Cuda
from engines.opening import Scores
from engines.spec import EngineSpec
from engines.spec_file import read_spec
from inspector.core.arrays import Image, Map
from inspector.core.errors import EngineError, InferenceError
from inspector.core.memory import return_memory
from inspector.core.threads import runtime_threads

try:
    import onnxruntime as ort
    from onnxruntime.capi import onnxruntime_pybind11_state as state
except ModuleNotFoundError:
    # The error comes when an engine is opened, because tools.fit imports this module as well.
    ort = state = None

_NAMES: Final = (
    "EPFail",
    "Fail",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "NoSuchFile",
    "NotImplemented",
    "RuntimeException",
)
FAILURES: Final = tuple(getattr(state, name) for name in _NAMES if state is not None)
"""Exceptions of onnxruntime. Their only common base class is Exception."""

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
TENSORRT: Final = "TensorrtExecutionProvider"

PROVIDERS: Final = {"cpu": (CPU,), "cuda": (CUDA, CPU), "tensorrt": (TENSORRT, CUDA, CPU)}
"""Device -> providers. The next provider runs the nodes that the first does not support."""

PLACES: Final = {CUDA: "CUDA", TENSORRT: "CUDA by TensorRT"}


class _ProviderError(EngineError):
    """The provider is compiled in, but its libraries or its device are missing."""


class OnnxEngine(CheckedEngine):
    """See engines.opening.Engine and open_engine for the arguments."""

    def __init__(
        self,
        path: Path,
        *,
        device: str = "cpu",
        threads: int = 0,
        fall_back: bool = False,
    ) -> None:
        check_device_settings(device, threads)
        threads = runtime_threads(threads)
        if ort is None:
            raise EngineError(
                "running an engine needs onnxruntime: "
                "pip install '.[cpu]' (or '.[gpu]' for an NVIDIA card)"
            )
        providers = _choose_providers(device, fall_back)
        before = _identify(path)
        spec = read_spec(path)
        try:
            session = _open(path, providers, threads)
        except _ProviderError as exc:
            refuse_or_warn(device, str(exc), fall_back=fall_back)
            providers = PROVIDERS["cpu"]
            session = _open(path, providers, threads)
        if _identify(path) != before:
            raise EngineError(f"engine file {path} was replaced while it was opened: open it again")
        place = f"CPU, {threads_text(threads)}" if providers[0] == CPU else PLACES[providers[0]]
        super().__init__(path, spec, f"onnxruntime {ort.__version__}, {place}")
        self._session: ort.InferenceSession | None = session
        self._providers, self._threads = providers, threads
        self._memory = "cpu" if providers[0] == CPU else "cuda"
        self._bound: _BoundSession | None = None
        return_memory()

    def _run(self, pixels: Image) -> tuple[Map, Scores]:
        assert self._session is not None
        try:
            if self._bound is None or self._bound.count != len(pixels):
                self._bound = _BoundSession(self._session, self._spec, len(pixels), self._memory)
            return self._bound.run(pixels)
        except (*FAILURES, RuntimeError) as exc:  # RuntimeError comes from bound outputs
            raise InferenceError(f"the engine {self._path} failed: {_one_line(exc)}") from exc

    def _device_ms(self, pixels: Image, runs: int) -> list[float]:
        """Uses a second session on a stream of this module, so that events can be recorded between
        the runs."""
        if self._providers[0] == CPU:
            return []
        with contextlib.closing(Cuda()) as cuda:
            session = _open(self._check_again(), self._providers, self._threads, cuda.stream)
            bound = _BoundSession(session, self._spec, len(pixels), self._memory)
            try:
                # The first two runs also allocate memory.
                for _ in range(2):
                    bound.run(pixels)
                times = cuda.time_runs(bound.queue, runs)
            except (*FAILURES, RuntimeError) as exc:
                raise InferenceError(f"the engine {self._path} failed: {_one_line(exc)}") from exc
            del bound, session  # before their stream is destroyed
        return times

    def _check_again(self) -> Path:
        """The file. Raises EngineError if it was replaced after the engine was opened."""
        if read_spec(self._path) != self._spec:
            raise EngineError(f"engine file {self._path} was replaced while it was measured")
        return self._path

    def _release(self) -> None:
        self._bound = self._session = None


class _BoundSession:
    """A session whose input and outputs for `count` pictures are allocated once, on its device.

    On the CPU this is as fast as letting the session allocate them.
    """

    def __init__(
        self, session: "ort.InferenceSession", spec: EngineSpec, count: int, memory: str
    ) -> None:
        def allocate(shape: Sequence[int], dtype: Any) -> "ort.OrtValue":
            return ort.OrtValue.ortvalue_from_shape_and_type([count, *shape], dtype, memory, 0)

        self.count = count
        self._session = session
        self._pixels = allocate([*spec.resize.input_hw, 3], np.uint8)
        self._map = allocate(spec.map_hw, np.float32)
        self._score = allocate([], np.float32)
        self._binding = session.io_binding()
        self._binding.bind_ortvalue_input("pixels", self._pixels)
        self._binding.bind_ortvalue_output("anomaly_map", self._map)
        self._binding.bind_ortvalue_output("score", self._score)

    def run(self, pixels: Image) -> tuple[Map, Scores]:
        self._pixels.update_inplace(pixels)
        self._session.run_with_iobinding(self._binding)
        # On the CPU numpy() returns a view, and the next run overwrites it.
        copy = self._map.device_name().lower() == "cpu"
        return np.array(self._map.numpy(), copy=copy), np.array(self._score.numpy(), copy=copy)

    def queue(self) -> None:
        """Starts a run on the pictures of the last run() and does not wait until it ends."""
        options = ort.RunOptions()
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        self._session.run_with_iobinding(self._binding, options)


def _choose_providers(device: str, fall_back: bool) -> tuple[str, ...]:
    """Providers for a device; those of the CPU if the device is missing and fall_back is true."""
    providers = PROVIDERS.get(device)
    if providers is None:
        reason = f"onnxruntime runs on {', '.join(PROVIDERS)}"
    elif providers[0] in ort.get_available_providers():
        return providers
    else:
        reason = (
            f"onnxruntime {ort.__version__} here has no {providers[0]}: "
            "pip install '.[gpu]' instead of '.[cpu]'"
        )
    refuse_or_warn(device, reason, fall_back=fall_back)
    return PROVIDERS["cpu"]


def _identify(path: Path) -> tuple[int, ...]:
    """What changes when a file is replaced or written to; () if it is missing."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return ()
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _model_of(path: Path) -> str | bytes:
    """What onnxruntime opens: the path, because with the content of the file it needs twice the
    file more memory. It takes only names that are UTF-8."""
    name = str(path)
    return path.read_bytes() if name.encode(errors="ignore").decode() != name else name


def _open(
    path: Path, providers: Sequence[str], threads: int, stream: int | None = None
) -> "ort.InferenceSession":
    """path: of a file that was checked. stream: address of a CUDA stream to run on; None: the
    session creates one."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin would use about 15 ms of CPU time per frame that other stages need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # A pattern is a second block for the intermediate results, beside that of the first run. It
    # takes 9 MB at 256x256 px and saves no measurable time.
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    missing = "" if providers[0] == CPU else preload_libraries(ort)
    with_options = [(name, _provider_options(name)) for name in providers]
    if stream is not None:
        for name, provider_options in with_options:
            provider_options |= {} if name == CPU else {"user_compute_stream": str(stream)}
    try:
        # Without enable_fallback=0 it prints a message and continues with another provider.
        session = ort.InferenceSession(
            _model_of(path), options, providers=with_options, enable_fallback=0
        )
    except FAILURES as exc:
        raise EngineError(f"onnxruntime cannot open the engine {path}: {_one_line(exc)}") from exc
    except RuntimeError as exc:  # from TensorRT; CUDA uses the CPU without a message
        reason = " ".join(filter(None, (_one_line(exc), missing)))
        raise _ProviderError(f"{providers[0]} of onnxruntime cannot start here: {reason}") from exc
    if session.get_providers()[0] != providers[0]:
        reason = missing or "see its message above"
        raise _ProviderError(f"{providers[0]} of onnxruntime cannot start here: {reason}")
    return session


def _provider_options(name: str) -> dict[str, str]:
    if name == CUDA:
        # TF32 would round the inputs of products to 10 bits, although the graph says float32.
        # Searching for the fastest convolution would make every start slower, and results vary.
        return {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
    # The TensorRT provider has no option to turn TF32 off; NVIDIA_TF32_OVERRIDE=0 in the
    # environment does it. It gets no shapes either: it splits the graph and would need the shapes
    # of every part, under names that it invents.
    return {}


def _one_line(exc: Exception) -> str:
    return " ".join(str(exc).split())
