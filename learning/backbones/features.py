"""Runs a backbone on onnxruntime, so that fitting sees the same features as the line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from engines.backends.cuda_libraries import preload_libraries
from inspector.core.errors import EngineError
from inspector.core.threads import runtime_threads
from learning.backbones import zoo

Pixels = npt.NDArray[np.uint8]
"""(n, H, W, 3) uint8 RGB."""

Features = Mapping[str, npt.NDArray[np.float32]]
"""Layer -> (n, C, h, w) float32, or (n, C) for a descriptor of the whole picture."""

CUDA = "CUDAExecutionProvider"

CHUNK = 8
"""Pictures per run on a GPU. On a CPU it is one: eight together took twice as long and 400 MB more
at 640x256 px."""


class FeatureExtractor:
    """layers: names of the outputs, in order; None for all. threads: 0 lets the runtime choose.
    device: cpu or cuda, which computes in full float32.

    Raises SpecError for a file that is no backbone, ConfigError for a layer that it lacks,
    EngineError if onnxruntime is missing, lacks the device or cannot load the file.
    """

    def __init__(
        self, path: Path, *, layers: Sequence[str] | None, threads: int = 0, device: str = "cpu"
    ) -> None:
        self.info = zoo.describe(path)
        names = [feature.name for feature in self.info.outputs] if layers is None else layers
        self.layers = tuple(self.info.output(name).name for name in names)
        self._chunk = 1 if device == "cpu" else CHUNK
        self._session: Any = open_session(path, threads, device)

    def extract(self, pixels: Pixels) -> Features:
        """pixels: (n, H, W, 3) uint8 RGB, n >= 1 -> new arrays. Raises EngineError for another
        shape or dtype, ConfigError for a size that the backbone does not take."""
        if self._session is None:
            raise EngineError(f"the feature extractor of {self.info.name} is closed")
        self._check(pixels)
        parts = [
            self._run(pixels[start : start + self._chunk])
            for start in range(0, len(pixels), self._chunk)
        ]
        joined = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
        return dict(zip(self.layers, joined, strict=True))

    def close(self) -> None:
        """Frees the session. It may be called twice."""
        self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, pixels: Pixels) -> list[npt.NDArray[np.float32]]:
        planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
        image = planes.astype(np.float32)
        image *= np.float32(1 / 255)  # rounded as in the graph of an engine
        outputs: list[npt.NDArray[np.float32]] = self._session.run(self.layers, {zoo.INPUT: image})
        return outputs

    def _check(self, pixels: Pixels) -> None:
        if pixels.ndim != 4 or pixels.shape[3] != 3 or pixels.dtype != np.uint8 or not len(pixels):
            raise EngineError(
                f"backbone {self.info.name} takes (n, H, W, 3) uint8 with n >= 1, not "
                f"{pixels.shape} {pixels.dtype}"
            )
        self.info.check_size((pixels.shape[1], pixels.shape[2]))


def open_session(model: Path | bytes, threads: int, device: str) -> Any:
    """An onnxruntime session. model: file or its content. device: cpu or cuda. Raises EngineError
    if onnxruntime is missing, lacks the device or cannot load the model."""
    try:
        import onnxruntime as ort
        from onnxruntime.capi import onnxruntime_pybind11_state as faults
    except ModuleNotFoundError as exc:
        raise EngineError(
            "fitting needs onnxruntime: pip install '.[cpu]' (or '.[gpu]' for an NVIDIA card)"
        ) from exc
    options = ort.SessionOptions()
    options.intra_op_num_threads = runtime_threads(threads)
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False  # see engines.backends.onnx
    providers: list[Any] = ["CPUExecutionProvider"]
    missing = ""
    if device == "cuda":
        if CUDA not in ort.get_available_providers():
            raise EngineError(
                f"features on CUDA need onnxruntime with {CUDA}: pip install '.[gpu]' in place of "
                "'.[cpu]'"
            )
        missing = preload_libraries(ort)
        # TF32 keeps ten bits; the engine is compared with these features to four digits and more.
        providers.insert(0, (CUDA, {"use_tf32": 0}))
    refusals = (faults.Fail, faults.InvalidGraph, faults.NotImplemented, faults.RuntimeException)
    try:
        content = model if isinstance(model, bytes) else str(model)
        session = ort.InferenceSession(content, options, providers=providers)
    except refusals as exc:
        reason = str(exc).strip().partition("\n")[0]
        name = "a graph" if isinstance(model, bytes) else model
        raise EngineError(f"onnxruntime cannot load {name}: {reason}") from exc
    if device == "cuda" and CUDA not in session.get_providers():
        reason = missing or "see its message above"
        raise EngineError(f"onnxruntime's {CUDA} cannot start here: {reason}")
    return session
