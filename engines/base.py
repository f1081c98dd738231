"""What the pipeline asks of an engine, and the table of runtimes that can be one."""

import importlib
from pathlib import Path
from typing import Final, Protocol

from engines.spec import EngineSpec
from inspector.core.arrays import Image, Map
from inspector.core.errors import ConfigError

BACKENDS: Final[dict[str, str]] = {
    "onnx": "engines.onnx_engine:OnnxEngine",
    "fake": "engines.fake_engine:FakeEngine",
}
"""Name -> "module:Class", resolved when asked for."""


class Engine(Protocol):
    """Runs one engine file. Opened, used and closed on one thread."""

    @property
    def spec(self) -> EngineSpec: ...

    @property
    def running_on(self) -> str:
        """Backend and device that really run, such as "onnxruntime 1.31.1, CPU, 2 threads"."""
        ...

    def warm_up(self) -> None:
        """Runs once on an empty picture, so that the first frame is not slower than the others."""
        ...

    def infer(self, pixels: Image) -> tuple[Map, "Scores"]:
        """pixels: (n, H, W, 3) uint8 RGB -> maps (n, h, w) float32 and scores (n,) float32, own
        memory. Raises EngineError for another shape or dtype, naming both."""
        ...

    def close(self) -> None:
        """Callable twice."""
        ...


Scores = Map
"""(n,) float32."""


def open_engine(
    path: Path,
    *,
    backend: str = "onnx",
    device: str = "cpu",
    threads: int = 0,
    fall_back: bool = False,
) -> Engine:
    """Opens an engine file.

    device: cpu, cuda or auto (CUDA where the runtime has it). threads: 0 lets the runtime choose.
    fall_back: run on the CPU, with a warning, where CUDA was asked for and is missing; otherwise
    that is an EngineError. Raises SpecError for a file that is not a whole engine.
    """
    if backend not in BACKENDS:
        raise ConfigError(f"engine.backend {backend!r} is unknown; known: {', '.join(BACKENDS)}")
    module, _, name = BACKENDS[backend].partition(":")
    cls = getattr(importlib.import_module(module), name)
    engine: Engine = cls(path, device=device, threads=threads, fall_back=fall_back)
    return engine
