"""Chooses a backend and a device for `auto`: a GPU that starts, or the fastest CPU runtime."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from loguru import logger

from inspector.core.errors import ConfigError, EngineError

AUTO: Final = "auto"


@dataclass(frozen=True, slots=True)
class Choice:
    """A backend and a device; either may be AUTO."""

    backend: str
    device: str

    def __str__(self) -> str:
        return f"{self.backend} on {self.device}"


GPUS: Final = (
    Choice("trt", "cuda"),
    Choice("onnx", "cuda"),
    Choice("onnx", "tensorrt"),
    Choice("openvino", "intel_gpu"),
)
"""In the order in which auto tries them; the fastest is first."""

NAMED_ONLY: Final = ("tensorrt", "intel_gpu")
"""Devices that auto never chooses: tensorrt builds its plan again at every start, and intel_gpu
was never measured."""

CPUS: Final = (Choice("onnx", "cpu"), Choice("openvino", "cpu"), Choice("fake", "cpu"))

MARGIN: Final = 0.9
"""Another runtime is chosen only if its time is below this share of the first one's time, so that
noise does not decide between equal runtimes. The time must be measured: OpenVINO took 0.84 times as
long as onnxruntime for RAD, and 1.3 times as long for PatchCore."""

ROUNDS: Final = 20
MIN_ROUNDS: Final = 3
RACE_S: Final = 2.0


class Runnable(Protocol):
    """The part of an engine that this module uses."""

    chosen_because: str

    @property
    def running_on(self) -> str: ...

    def warm_up(self) -> None: ...

    def close(self) -> None: ...


RunsT = TypeVar("RunsT", bound=Runnable)


def open_fastest(
    requested: Choice,
    backends: Sequence[str],
    open_choice: Callable[[Choice], RunsT],
    *,
    fall_back: bool,
) -> RunsT:
    """Opens the first GPU runtime that starts, or the fastest CPU runtime. Logs the reason.

    open_choice: opens an engine, or raises EngineError. fall_back: if a GPU is requested and none
    starts, use the CPU. Raises EngineError with all reasons if nothing starts, and ConfigError for
    a device that the backend does not support.
    """
    gpus = [choice for choice in GPUS if _fits(choice, requested, backends)]
    cpus = [choice for choice in CPUS if _fits(choice, requested, backends, fall_back=fall_back)]
    if not gpus and not cpus:
        raise ConfigError(
            f"engine.backend {requested.backend} cannot run on engine.device {requested.device}"
        )
    reasons: list[str] = []
    engine = next(_open_each(gpus, open_choice, reasons), None)
    if engine is not None:
        return _choose_with_reason(engine, "the first GPU that starts", reasons)
    racers = list(_open_each(cpus, open_choice, reasons))
    if not racers:
        raise EngineError(f"no runtime can run the engine: {'; '.join(reasons)}")
    if fall_back and requested.device not in (AUTO, "cpu"):
        logger.warning(
            "engine.device is {}, but the engine runs on the CPU instead", requested.device
        )
    if len(racers) == 1:
        return _choose_with_reason(racers[0], "no other runtime starts here", reasons)
    return _choose_fastest(racers, reasons)


def _fits(
    choice: Choice, requested: Choice, backends: Sequence[str], *, fall_back: bool = False
) -> bool:
    if choice.backend not in backends:
        return False
    named = (choice.backend,) if choice.backend == "fake" else (choice.backend, AUTO)
    fits = requested.backend in named
    if requested.device == AUTO:
        return fits and choice.device not in NAMED_ONLY
    return fits and (choice.device == requested.device or fall_back)


def _open_each(
    choices: Iterable[Choice], open_choice: Callable[[Choice], RunsT], reasons: list[str]
) -> Iterator[RunsT]:
    for choice in choices:
        try:
            yield open_choice(choice)
        except EngineError as exc:
            reasons.append(f"{choice}: {exc}")


def _choose_with_reason(engine: RunsT, why: str, reasons: list[str]) -> RunsT:
    engine.chosen_because = f"auto: {why}"
    for reason in reasons:
        logger.info("auto skips {}", reason)
    logger.info("running on {}", engine.running_on)
    return engine


def _choose_fastest(racers: list[RunsT], reasons: list[str]) -> RunsT:
    times = measure_times(racers)
    best = min(range(len(racers)), key=times.__getitem__)
    if times[best] >= MARGIN * times[0]:
        best = 0
    slower = []
    for index, engine in enumerate(racers):
        if index != best:
            slower.append(f"{times[index]:.1f} ms on {engine.running_on}")
            engine.close()
    why = f"{times[best]:.1f} ms a picture, against {', '.join(slower)}"
    return _choose_with_reason(racers[best], why, reasons)


def measure_times(racers: Sequence[Runnable]) -> list[float]:
    """Shortest time of one run of each engine, in milliseconds.

    The shortest run is the one that other programs disturbed least. The engines run alternately, so
    that changes of the machine affect all of them.
    """
    for engine in racers:
        engine.warm_up()
        engine.warm_up()
    best = [math.inf] * len(racers)
    end = time.perf_counter() + RACE_S
    rounds = 0
    while rounds < MIN_ROUNDS or (rounds < ROUNDS and time.perf_counter() < end):
        for index in range(len(racers)) if rounds % 2 == 0 else reversed(range(len(racers))):
            start = time.perf_counter()
            racers[index].warm_up()
            best[index] = min(best[index], (time.perf_counter() - start) * 1e3)
        rounds += 1
    return best
