"""What the pipeline asks of an engine, and the table of runtimes that can be one."""

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
"""Name -> "module:Class", resolved when asked for."""

DEVICES: Final = ("cpu", "cuda", "tensorrt", "intel_gpu")
"""Of all backends; each refuses those that it does not run on."""

HINTS: Final = ("latency", "throughput")

TAKES_HINT: Final = ("openvino",)
TAKES_PLAN_DIR: Final = ("trt",)


class Engine(Protocol):
    """Runs one engine file. Opened, used and closed on one thread. `with` closes it."""

    chosen_because: str
    """Why this backend and device; empty where the configuration named them."""

    @property
    def spec(self) -> EngineSpec: ...

    @property
    def running_on(self) -> str:
        """Backend and device that really run, such as "onnxruntime 1.31.1, CPU, 2 threads", and
        why they were chosen."""
        ...

    def warm_up(self) -> None:
        """Runs once on an empty picture, so that the first frame is not slower than the others."""
        ...

    def predict(self, picture: "AnyPicture", *, channels: str = "bgr") -> "Prediction":
        """Map, score and verdict of one picture at the engine's own thresholds.

        picture: (H, W, 3) or grey (H, W), uint8, of any size: it is cropped and resized by the
        engine's rule, as the pipeline does it, with a warning in the log where its aspect is not
        that of the pictures of fitting. channels: bgr or rgb. Raises DataError for a picture of
        another form, InferenceError where the result is not finite.
        """
        ...

    def predict_batch(self, pictures: "Pictures", *, channels: str = "bgr") -> "list[Prediction]":
        """As predict, for pictures that may differ in size, in one call of the runtime or, where
        it has a limit, a few. Errors name the number of the picture, from 0."""
        ...

    def infer(self, pixels: Image) -> tuple[Map, "Scores"]:
        """pixels: (n, H, W, 3) uint8 RGB -> maps (n, h, w) float32 and scores (n,) float32, own
        memory. Raises EngineError for another shape or dtype, naming both."""
        ...

    def device_ms(self, pixels: Image, runs: int) -> list[float]:
        """Milliseconds on the GPU's own clock of each of `runs` inferences of pixels that are there
        already; none on processors, or of more pictures than the runtime takes at once. pixels: as
        for infer. For measuring only."""
        ...

    def close(self) -> None:
        """Callable twice."""
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
    threads: 0 lets the runtime choose. fall_back: run on the CPU, with a warning, where another
    device was asked for and is missing; otherwise that is an EngineError. hint: one of HINTS, for
    the backends that know the difference. plan_dir: folder of TensorRT plans, for the backends that
    build them; None: the default_folder of engines.backends.trt.plan. Raises SpecError for a file
    that is not a whole engine.
    """
    if backend not in (AUTO, *BACKENDS):
        known = ", ".join((AUTO, *BACKENDS))
        raise ConfigError(f"engine.backend {backend!r} is unknown; known: {known}")
    if device not in (AUTO, *DEVICES):
        known = ", ".join((AUTO, *DEVICES))
        raise ConfigError(f"engine.device {device!r} is unknown; known: {known}")

    def opened(choice: Choice, fall_back: bool = False) -> Engine:
        module, _, name = BACKENDS[choice.backend].partition(":")
        options: dict[str, Any] = {"hint": hint} if choice.backend in TAKES_HINT else {}
        if choice.backend in TAKES_PLAN_DIR:
            options["plan_dir"] = None if plan_dir is None else Path(plan_dir)
        cls = getattr(importlib.import_module(module), name)
        engine: Engine = cls(
            Path(path), device=choice.device, threads=threads, fall_back=fall_back, **options
        )
        return engine

    wanted = Choice(backend, device)
    if AUTO in (backend, device):
        return open_fastest(wanted, tuple(BACKENDS), opened, fall_back=fall_back)
    return opened(wanted, fall_back)
