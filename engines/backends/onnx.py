"""Runs an engine file on onnxruntime: on the CPU, or on a GPU by its CUDA or TensorRT provider."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from engines.backends.checked import (
    CheckedEngine,
    check_settings,
    refuse_or_warn,
    return_freed_memory,
    threads_text,
)
from engines.backends.cuda_libraries import preloaded
from engines.backends.trt.driver import Cuda
from engines.opening import Scores
from engines.spec import EngineSpec
from engines.spec_file import read_checked
from inspector.core.arrays import Image, Map
from inspector.core.errors import EngineError, InferenceError

try:
    import onnxruntime as ort
    from onnxruntime.capi import onnxruntime_pybind11_state as state
except ModuleNotFoundError:
    # Opening an engine reports this. Importing must not fail, because the command fit imports this.
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
"""What onnxruntime raises; its exceptions share no base but Exception."""

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
TENSORRT: Final = "TensorrtExecutionProvider"

PROVIDERS: Final = {"cpu": (CPU,), "cuda": (CUDA, CPU), "tensorrt": (TENSORRT, CUDA, CPU)}
"""Device -> providers, the wanted one first; what it cannot run goes to the next."""

PLACES: Final = {CUDA: "CUDA", TENSORRT: "CUDA by TensorRT"}


class _NoProvider(EngineError):
    """Compiled in, but its libraries or its device are missing."""


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
        check_settings(device, threads)
        if ort is None:
            raise EngineError(
                "running an engine needs onnxruntime: "
                "pip install '.[cpu]' (or '.[gpu]' for an NVIDIA card)"
            )
        providers = _wanted(device, fall_back)
        spec, content = read_checked(path)
        try:
            session = _open(path, content, providers, threads)
        except _NoProvider as exc:
            refuse_or_warn(device, str(exc), fall_back=fall_back)
            providers = PROVIDERS["cpu"]
            session = _open(path, content, providers, threads)
        del content
        place = f"CPU, {threads_text(threads)}" if providers[0] == CPU else PLACES[providers[0]]
        super().__init__(path, spec, f"onnxruntime {ort.__version__}, {place}")
        self._session: ort.InferenceSession | None = session
        self._providers, self._threads = providers, threads
        self._memory = "cpu" if providers[0] == CPU else "cuda"
        self._bound: _Bound | None = None
        return_freed_memory()

    def _run(self, pixels: Image) -> tuple[Map, Scores]:
        assert self._session is not None
        try:
            if self._bound is None or self._bound.count != len(pixels):
                self._bound = _Bound(self._session, self._spec, len(pixels), self._memory)
            return self._bound.run(pixels)
        except (*FAILURES, RuntimeError) as exc:  # the latter from bound outputs
            raise InferenceError(f"the engine {self._path} failed: {_one_line(exc)}") from exc

    def _device_ms(self, pixels: Image, runs: int) -> list[float]:
        """By a session of its own, on a stream that is known here, so that events can be put
        between its runs."""
        if self._providers[0] == CPU:
            return []
        with contextlib.closing(Cuda()) as cuda:
            session = _open(*self._reread(), self._providers, self._threads, cuda.stream)
            bound = _Bound(session, self._spec, len(pixels), self._memory)
            try:
                # The first two runs allocate.
                for _ in range(2):
                    bound.run(pixels)
                times = cuda.timed(bound.queue, runs)
            except (*FAILURES, RuntimeError) as exc:
                raise InferenceError(f"the engine {self._path} failed: {_one_line(exc)}") from exc
            del bound, session  # before their stream
        return times

    def _reread(self) -> tuple[Path, bytes]:
        """The file again, so that its content need not be held. Raises EngineError where it was
        replaced since the engine was opened."""
        spec, content = read_checked(self._path)
        if spec != self._spec:
            raise EngineError(f"engine file {self._path} was replaced while it was measured")
        return self._path, content

    def _release(self) -> None:
        self._bound = self._session = None


class _Bound:
    """A session with its input and outputs for `count` pictures allocated once, on its device; on
    the CPU this is as fast as letting it allocate."""

    def __init__(
        self, session: "ort.InferenceSession", spec: EngineSpec, count: int, memory: str
    ) -> None:
        def allocated(shape: Sequence[int], dtype: Any) -> "ort.OrtValue":
            return ort.OrtValue.ortvalue_from_shape_and_type([count, *shape], dtype, memory, 0)

        self.count = count
        self._session = session
        self._pixels = allocated([*spec.resize.input_hw, 3], np.uint8)
        self._map = allocated(spec.map_hw, np.float32)
        self._score = allocated([], np.float32)
        self._binding = session.io_binding()
        self._binding.bind_ortvalue_input("pixels", self._pixels)
        self._binding.bind_ortvalue_output("anomaly_map", self._map)
        self._binding.bind_ortvalue_output("score", self._score)

    def run(self, pixels: Image) -> tuple[Map, Scores]:
        self._pixels.update_inplace(pixels)
        self._session.run_with_iobinding(self._binding)
        # On the CPU numpy() is a view of what the next run overwrites.
        copy = self._map.device_name().lower() == "cpu"
        return np.array(self._map.numpy(), copy=copy), np.array(self._score.numpy(), copy=copy)

    def queue(self) -> None:
        """Runs on the pictures that are there, without waiting for the end."""
        options = ort.RunOptions()
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        self._session.run_with_iobinding(self._binding, options)


def _wanted(device: str, fall_back: bool) -> tuple[str, ...]:
    """The providers for a device, or for the CPU where falling back from one that is not compiled
    in."""
    wanted = PROVIDERS.get(device)
    if wanted is None:
        reason = f"onnxruntime runs on {', '.join(PROVIDERS)}"
    elif wanted[0] in ort.get_available_providers():
        return wanted
    else:
        reason = (
            f"onnxruntime {ort.__version__} here has no {wanted[0]}: "
            "pip install '.[gpu]' in place of '.[cpu]'"
        )
    refuse_or_warn(device, reason, fall_back=fall_back)
    return PROVIDERS["cpu"]


def _open(
    path: Path,
    content: bytes,
    providers: Sequence[str],
    threads: int,
    stream: int | None = None,
) -> "ort.InferenceSession":
    """path: for messages. content: of that file, checked. stream: of CUDA, to run on; None: the
    session makes one."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning burns about 15 CPU-ms a frame that the other stages need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    missing = "" if providers[0] == CPU else preloaded(ort)
    with_options = [(name, _provider_options(name)) for name in providers]
    if stream is not None:
        for name, own in with_options:
            own |= {} if name == CPU else {"user_compute_stream": str(stream)}
    try:
        # Without enable_fallback=0 it prints to the screen and goes on with another provider.
        session = ort.InferenceSession(content, options, providers=with_options, enable_fallback=0)
    except FAILURES as exc:
        raise EngineError(f"onnxruntime cannot open the engine {path}: {_one_line(exc)}") from exc
    except RuntimeError as exc:  # of TensorRT; CUDA gives way to the CPU without a word
        reason = " ".join(filter(None, (_one_line(exc), missing)))
        raise _NoProvider(f"onnxruntime's {providers[0]} cannot start here: {reason}") from exc
    if session.get_providers()[0] != providers[0]:
        reason = missing or "see its message above"
        raise _NoProvider(f"onnxruntime's {providers[0]} cannot start here: {reason}")
    return session


def _provider_options(name: str) -> dict[str, str]:
    if name == CUDA:
        # TF32 rounds the inputs of products to 10 bits: precision is what the graph declares.
        # Searching for the fastest convolution makes every start slower, and its result vary.
        return {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
    # TensorRT's has no option to turn TF32 off; NVIDIA_TF32_OVERRIDE=0 in the environment does. Its
    # shapes are left to it: once stated they must be stated for every part that it cuts the graph
    # into, by names of its own making, and it cuts off what moves bytes.
    return {}


def _one_line(exc: Exception) -> str:
    return " ".join(str(exc).split())
