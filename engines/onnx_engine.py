"""Runs an engine file on onnxruntime, on the CPU or a CUDA device."""

import ctypes
import sys
from pathlib import Path
from typing import Final

import numpy as np
from loguru import logger

from engines.base import Scores
from engines.spec import EngineSpec
from engines.spec_file import read_spec
from inspector.core.arrays import Image, Map
from inspector.core.errors import ConfigError, EngineError, InferenceError

try:
    import onnxruntime as ort
    from onnxruntime.capi import onnxruntime_pybind11_state as state
except ModuleNotFoundError:
    # Told when an engine is opened: importing this module must not fail, for tools.fit does it.
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

CUDA: Final = "CUDAExecutionProvider"
CPU: Final = "CPUExecutionProvider"
DEVICES: Final = ("cpu", "cuda", "auto")


class OnnxEngine:
    """See engines.base.Engine and open_engine for the arguments."""

    def __init__(
        self,
        path: Path,
        *,
        device: str = "cpu",
        threads: int = 0,
        fall_back: bool = False,
    ) -> None:
        if ort is None:
            raise EngineError(
                "running an engine needs onnxruntime: "
                "pip install '.[cpu]' (or '.[gpu]' for an NVIDIA card)"
            )
        if device not in DEVICES:
            raise ConfigError(f"engine.device {device!r} is unknown; known: {', '.join(DEVICES)}")
        if threads < 0:
            raise ConfigError(f"engine.threads must be at least 0, not {threads}")
        self._spec = read_spec(path)
        self._path = path
        wants_cuda = _wants_cuda(device, fall_back)
        session = _open(path, [CUDA, CPU] if wants_cuda else [CPU], threads)
        on_cuda = session.get_providers()[0] == CUDA
        if wants_cuda and not on_cuda:
            # The provider is compiled in, but its libraries or the device are missing.
            _refuse_or_warn(device, fall_back, "the CUDA provider could not start")
        self._session: ort.InferenceSession | None = session
        place = "CUDA" if on_cuda else f"CPU, {_threads(threads)}"
        self._running_on = f"onnxruntime {ort.__version__}, {place}"
        self._shape = (*self._spec.resize.input_hw, 3)
        _return_freed_memory()

    @property
    def spec(self) -> EngineSpec:
        return self._spec

    @property
    def running_on(self) -> str:
        return self._running_on

    def warm_up(self) -> None:
        self.infer(np.zeros((1, *self._shape), np.uint8))

    def infer(self, pixels: Image) -> tuple[Map, Scores]:
        if self._session is None:
            raise EngineError(f"the engine {self._path} is closed")
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != self._shape:
            raise EngineError(
                f"the engine {self._path} takes uint8 of shape (n, {_comma(self._shape)}), "
                f"not {pixels.dtype} of shape ({_comma(pixels.shape)})"
            )
        most = self._spec.max_batch or max(len(pixels), 1)
        try:
            parts = [
                self._session.run(("anomaly_map", "score"), {"pixels": pixels[at : at + most]})
                for at in range(0, max(len(pixels), 1), most)
            ]
        except FAILURES as exc:
            raise InferenceError(f"the engine {self._path} failed: {exc}") from exc
        maps, scores = zip(*parts, strict=True)
        # Joining copies, which the usual single part need not pay for.
        anomaly_map = np.asarray(maps[0]) if len(maps) == 1 else np.concatenate(maps)
        score = np.asarray(scores[0]) if len(scores) == 1 else np.concatenate(scores)
        if anomaly_map.shape != (len(pixels), *self._spec.map_hw) or score.shape != (len(pixels),):
            raise InferenceError(
                f"the engine {self._path} gave a map of shape {anomaly_map.shape} and scores of "
                f"shape {score.shape} for {len(pixels)} pictures"
            )
        return anomaly_map, score

    def close(self) -> None:
        self._session = None


def _wants_cuda(device: str, fall_back: bool) -> bool:
    if device == "cpu":
        return False
    if CUDA in ort.get_available_providers():
        return True
    _refuse_or_warn(device, fall_back, f"onnxruntime {ort.__version__} here has no CUDA provider")
    return False


def _refuse_or_warn(device: str, fall_back: bool, reason: str) -> None:
    if device == "auto":
        logger.info("running on the CPU: {}", reason)
    elif fall_back:
        logger.warning("CUDA was asked for, running on the CPU instead: {}", reason)
    else:
        raise EngineError(f"engine.device is cuda, but {reason}")


def _open(path: Path, providers: list[str], threads: int) -> "ort.InferenceSession":
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning burns about 15 CPU-ms a frame that the other stages need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(path), options, providers=providers)
    except FAILURES as exc:
        raise EngineError(
            f"onnxruntime cannot open the engine {path}: {' '.join(str(exc).split())}"
        ) from exc


def _return_freed_memory() -> None:
    """Hands back what parsing the file took, which glibc keeps: 70 MB with an engine of 31 MB.
    Other C libraries have no malloc_trim, and keep less."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def _threads(threads: int) -> str:
    if threads == 0:
        return "threads chosen by the runtime"
    return "1 thread" if threads == 1 else f"{threads} threads"


def _comma(sizes: tuple[int, ...]) -> str:
    return ", ".join(map(str, sizes))
