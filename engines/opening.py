"""Opens an engine file with one of the backends, and defines what an engine must offer."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from engines.backends.choosing import AUTO, Choice, open_fastest
from engines.spec import EngineSpec
from inspector.core.arrays import Image, Map
from inspector.core.errors import ConfigError

if TYPE_CHECKING:
    from engines.prediction import AnyPicture, Pictures, Prediction

BACKENDS: Final[dict[str, str]] = {
    "onnx": "engines.backends.onnx:OnnxEngine",
    "openvino": "engines.backends.openvino:OpenVinoEngine",
    "trt": "engines.backends.trt.engine:TrtEngine",
    "fake": "engines.backends.fake:FakeEngine",
}
"""Name -> "module:Class", imported when an engine is opened."""

DEVICES: Final = ("cpu", "cuda", "tensorrt", "intel_gpu")
"""Devices of all backends. Each backend refuses the devices that it does not support."""

HINTS: Final = ("latency", "throughput")

TAKES_HINT: Final = ("openvino",)
TAKES_PLAN_DIR: Final = ("trt",)


class Engine(Protocol):
    """Runs one engine file. Open, use and close it on the same thread; `with` closes it."""

    chosen_because: str
    """Why this backend and device were chosen; empty if the configuration names them."""

    @property
    def spec(self) -> EngineSpec: ...

    @property
    def running_on(self) -> str:
        """Backend and device in use, such as "onnxruntime 1.31.1, CPU, 2 threads", and why they
        were chosen."""
        ...

    def warm_up(self) -> None:
        """Runs once on a black picture, so that the first frame is not slower than the others."""
        ...

    def predict(self, picture: "AnyPicture", *, channels: str = "bgr") -> "Prediction":
        """Computes map, score and verdict of one picture with the thresholds of the engine file.

        picture: (H, W, 3) or grey (H, W), uint8, of any size. It is cropped and resized by the rule
        of the engine, as in the pipeline. A warning is logged if its aspect ratio differs from the
        pictures of fitting. channels: bgr or rgb. Raises DataError for another shape or dtype, and
        InferenceError if the result is not finite.
        """
        ...

    def predict_batch(self, pictures: "Pictures", *, channels: str = "bgr") -> "list[Prediction]":
        """Like predict, for several pictures, which may differ in size.

        They run in one call of the runtime, or in several if its batch is limited. Errors have the
        index of the picture, starting at 0.
        """
        ...

    def infer(self, pixels: Image) -> tuple[Map, "Scores"]:
        """Computes maps (n, h, w) float32 and scores (n,) float32.

        pixels: (n, H, W, 3) uint8 RGB. Later calls do not change the returned arrays. Raises
        EngineError, with the shapes and dtypes, if pixels has another shape or dtype.
        """
        ...

    def device_ms(self, pixels: Image, runs: int) -> list[float]:
        """Measures `runs` inferences with the clock of the GPU, in milliseconds, without copying
        the pixels to the GPU. For benchmarks only.

        pixels: as for infer. The list is empty on a CPU, and if there are more pictures than the
        runtime takes at once.
        """
        ...

    def close(self) -> None:
        """Frees the memory. A second call does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


Scores = Map
"""(n,) float32."""


def open_engine(
    path: Path | str,
    *,
    backend: str = "onnx",
    device: str = "cpu",
    threads: int = 0,
    fall_back: bool = False,
    hint: str = "latency",
    plan_dir: Path | str | None = None,
) -> Engine:
    """Opens an engine file.

    backend: one of BACKENDS, or auto. device: one of DEVICES, or auto (engines.backends.choosing).
    threads: 0 lets the runtime choose. fall_back: if the device is missing, run on the CPU with a
    warning instead of raising EngineError. hint: one of HINTS, for the backends in TAKES_HINT.
    plan_dir: folder of TensorRT plans, for the backends in TAKES_PLAN_DIR; None: default_folder of
    engines.backends.trt.plan. Raises SpecError for a file that is damaged or is not an engine.
    """
    if backend not in (AUTO, *BACKENDS):
        known = ", ".join((AUTO, *BACKENDS))
        raise ConfigError(f"engine.backend {backend!r} is unknown; known: {known}")
    if device not in (AUTO, *DEVICES):
        known = ", ".join((AUTO, *DEVICES))
        raise ConfigError(f"engine.device {device!r} is unknown; known: {known}")

    def open_choice(choice: Choice, fall_back: bool = False) -> Engine:
        module, _, name = BACKENDS[choice.backend].partition(":")
        options: dict[str, Any] = {"hint": hint} if choice.backend in TAKES_HINT else {}
        if choice.backend in TAKES_PLAN_DIR:
            options["plan_dir"] = None if plan_dir is None else Path(plan_dir)
        cls = getattr(importlib.import_module(module), name)
        engine: Engine = cls(
            Path(path), device=choice.device, threads=threads, fall_back=fall_back, **options
        )
        return engine

    requested = Choice(backend, device)
    if AUTO in (backend, device):
        return open_fastest(requested, tuple(BACKENDS), open_choice, fall_back=fall_back)
    return open_choice(requested, fall_back)
