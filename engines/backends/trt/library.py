"""Which TensorRT is installed, and its one log."""

import contextlib
import functools
import importlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from loguru import logger

from inspector.core.errors import EngineError

RTX: Final = "TensorRT RTX"
FLAVOURS: Final = {"tensorrt": "TensorRT", "tensorrt_rtx": RTX}
"""Module -> name, the first that is installed is taken: `tensorrt` (10, 11) runs on every NVIDIA
GPU and tunes for it, `tensorrt_rtx` on RTX cards only, and builds without one."""

OLD_DRIVER: Final = (
    "driver version is insufficient",
    "CUDA initialization failure with error: 35",
)
"""How the two flavours say it."""

MOST_PROBLEMS: Final = 8


@dataclass(frozen=True, slots=True)
class Library:
    """api: the module. name: one of FLAVOURS. log: what its objects are made with. problems: errors
    that it logged."""

    api: Any
    name: str
    log: Any
    problems: list[str] = field(default_factory=list)

    @property
    def version(self) -> str:
        """Such as "TensorRT RTX 1.7.1.116"."""
        return f"{self.name} {self.api.__version__}"

    @property
    def is_rtx(self) -> bool:
        return self.name == RTX

    @property
    def targets(self) -> tuple[str, ...]:
        """Compute capabilities, such as "SM86", that it builds for on any machine; none where it
        builds for the GPU of the machine alone."""
        if not self.is_rtx:
            return ()
        return tuple(n for n in self.api.ComputeCapability.__members__ if n.startswith("SM"))

    def make(self, what: str, factory: Callable[..., Any], *arguments: Any) -> Any:
        """What a call gives. Raises EngineError "cannot `what`" where it gives nothing."""
        self.problems.clear()
        try:
            thing = factory(*arguments)
        except (TypeError, RuntimeError) as exc:  # how the bindings tell of a null pointer
            raise EngineError(f"{self.version} cannot {what}: {self.reason(str(exc))}") from exc
        if thing is None:
            raise EngineError(f"{self.version} cannot {what}: {self.reason()}")
        return thing

    def reason(self, otherwise: str = "it gives no reason") -> str:
        """The first error since the last call of make(), which the others follow from."""
        text = one_line(self.problems[0] if self.problems else otherwise)
        is_old = any(words in text for words in OLD_DRIVER)
        return f"{text}; install a newer NVIDIA driver" if is_old else text


@functools.cache
def load() -> Library:
    """The TensorRT of this process: it takes one log only. Raises EngineError where none is."""
    for module, name in FLAVOURS.items():
        try:
            api = importlib.import_module(module)
        except ModuleNotFoundError as exc:
            if exc.name == module:
                continue
            raise EngineError(f"{name} is installed incompletely: {exc}") from exc
        except (ImportError, OSError) as exc:
            raise EngineError(f"{name} is installed, but does not load: {exc}") from exc
        problems: list[str] = []
        return Library(api, name, _log(api, name, problems), problems)
    raise EngineError(
        "backend trt needs TensorRT: pip install '.[trt]' (TensorRT RTX, for RTX cards), "
        "or tensorrt-cu13 for any other NVIDIA GPU"
    )


def _log(api: Any, name: str, problems: list[str]) -> Any:
    severity = api.ILogger
    levels = {
        severity.INTERNAL_ERROR: "ERROR",
        severity.ERROR: "ERROR",
        severity.WARNING: "WARNING",
        severity.INFO: "TRACE",
    }

    class Log(api.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            api.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            level = levels.get(severity)
            if level is None:  # a build says thousands of verbose things
                return
            if level == "ERROR":
                # Told by whoever called TensorRT, in the sentence that it raises.
                problems.extend([message] if len(problems) < MOST_PROBLEMS else [])
                level = "DEBUG"
            logger.log(level, "{}: {}", name, message)

    return Log()


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Lets Ctrl-C end the process at once: the bindings would swallow it while TensorRT works.
    Nothing is left half, for what a build gives is written whole or not at all."""
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def one_line(message: str) -> str:
    """Without the lines that say where in TensorRT's own source it arose."""
    kept = [line.strip() for line in message.splitlines() if not line.lstrip().startswith("[")]
    return " ".join(kept).strip() or " ".join(message.split())
