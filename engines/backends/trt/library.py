"""Loads the installed TensorRT and passes its log on."""

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
"""Module -> name; the first that is installed is used. `tensorrt` (10, 11) runs on every NVIDIA GPU
and tunes plans for it. `tensorrt_rtx` runs on RTX cards only, and can build plans without a GPU."""

OLD_DRIVER: Final = (
    "driver version is insufficient",
    "CUDA initialization failure with error: 35",
)
"""Messages of the two modules about a driver that is too old."""

MAX_PROBLEMS: Final = 8


@dataclass(frozen=True, slots=True)
class Library:
    """A loaded TensorRT.

    api: the module. name: a value of FLAVOURS. log: the logger of its objects. problems: errors
    that it logged.
    """

    api: Any
    name: str
    log: Any
    problems: list[str] = field(default_factory=list)

    @property
    def version(self) -> str:
        """Name and version, such as "TensorRT RTX 1.7.1.116"."""
        return f"{self.name} {self.api.__version__}"

    @property
    def is_rtx(self) -> bool:
        return self.name == RTX

    @property
    def targets(self) -> tuple[str, ...]:
        """Compute capabilities, such as "SM86", for which it builds on any machine; empty if it
        builds only for the GPU of this machine."""
        if not self.is_rtx:
            return ()
        return tuple(n for n in self.api.ComputeCapability.__members__ if n.startswith("SM"))

    def make(self, what: str, factory: Callable[..., Any], *arguments: Any) -> Any:
        """Calls factory and returns its result. Raises EngineError "cannot `what`" if it fails."""
        self.problems.clear()
        try:
            result = factory(*arguments)
        except (TypeError, RuntimeError) as exc:  # the bindings raise these for a null pointer
            raise EngineError(f"{self.version} cannot {what}: {self.reason(str(exc))}") from exc
        if result is None:
            raise EngineError(f"{self.version} cannot {what}: {self.reason()}")
        return result

    def reason(self, otherwise: str = "TensorRT gives no reason") -> str:
        """The first error since the last call of make(). It caused the later errors."""
        text = one_line(self.problems[0] if self.problems else otherwise)
        is_old = any(words in text for words in OLD_DRIVER)
        return f"{text}; install a newer NVIDIA driver" if is_old else text


@functools.cache
def load_tensorrt() -> Library:
    """Loads TensorRT once per process, because it accepts only one log.

    Raises EngineError if it is missing or cannot be loaded.
    """
    for module, name in FLAVOURS.items():
        try:
            api = importlib.import_module(module)
        except ModuleNotFoundError as exc:
            if exc.name == module:
                continue
            raise EngineError(f"{name} is installed, but incomplete: {exc}") from exc
        except (ImportError, OSError) as exc:
            raise EngineError(f"{name} is installed, but cannot be loaded: {exc}") from exc
        problems: list[str] = []
        return Library(api, name, _make_log(api, name, problems), problems)
    raise EngineError(
        "engine.backend trt needs TensorRT: pip install '.[trt]' (TensorRT RTX, for RTX cards), "
        "or tensorrt-cu13 for any other NVIDIA GPU"
    )


def _make_log(api: Any, name: str, problems: list[str]) -> Any:
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
            if level is None:  # a build writes thousands of verbose messages
                return
            if level == "ERROR":
                # The caller of TensorRT puts it into the error that it raises.
                problems.extend([message] if len(problems) < MAX_PROBLEMS else [])
                level = "DEBUG"
            logger.log(level, "{}: {}", name, message)

    return Log()


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Lets Ctrl-C end the process at once, because the bindings ignore it while TensorRT works.

    This leaves no incomplete plan: a plan is written completely or not at all.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def one_line(message: str) -> str:
    """Joins the lines, without those that name a place in the source code of TensorRT."""
    lines = [line.strip() for line in message.splitlines() if not line.lstrip().startswith("[")]
    return " ".join(lines).strip() or " ".join(message.split())
