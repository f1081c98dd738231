"""What `auto` means: a GPU where one starts, else the runtime that is faster on this processor."""

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
"""Fastest first."""

NAMED_ONLY: Final = ("tensorrt", "intel_gpu")
"""Devices that auto passes over: one builds its plan anew at every start, the other was never
measured."""

CPUS: Final = (Choice("onnx", "cpu"), Choice("openvino", "cpu"), Choice("fake", "cpu"))

MARGIN: Final = 0.9
"""Share of the first's time below which another is chosen: a tie must not change with the noise.
No fixed order is right: OpenVINO took 0.84 (RAD) and 1.3 (PatchCore) times as long as the first."""

ROUNDS: Final = 20
LEAST_ROUNDS: Final = 3
RACE_S: Final = 2.0


class Runs(Protocol):
    """What choosing needs of an engine."""

    chosen_because: str

    @property
    def running_on(self) -> str: ...

    def warm_up(self) -> None: ...

    def close(self) -> None: ...


RunsT = TypeVar("RunsT", bound=Runs)


def open_fastest(
    wanted: Choice, backends: Sequence[str], opened: Callable[[Choice], RunsT], *, fall_back: bool
) -> RunsT:
    """The first GPU that starts, or the fastest on the CPU; says which and why.

    fall_back: go on to the CPU where a GPU was named. Raises EngineError where nothing starts,
    with the reason of each, and ConfigError for a device that the backend never has.
    """
    gpus = [choice for choice in GPUS if _fits(choice, wanted, backends)]
    cpus = [choice for choice in CPUS if _fits(choice, wanted, backends, fall_back=fall_back)]
    if not gpus and not cpus:
        raise ConfigError(f"engine.device is {wanted.device}, where {wanted.backend} cannot run")
    reasons: list[str] = []
    started = next(_starting(gpus, opened, reasons), None)
    if started is not None:
        return _told(started, "the first GPU that starts", reasons)
    racers = list(_starting(cpus, opened, reasons))
    if not racers:
        raise EngineError(f"no runtime can run the engine: {'; '.join(reasons)}")
    if fall_back and wanted.device not in (AUTO, "cpu"):
        logger.warning("{} was asked for, running on the CPU instead", wanted.device)
    if len(racers) == 1:
        return _told(racers[0], "no other runtime starts here", reasons)
    return _winner(racers, reasons)


def _fits(
    choice: Choice, wanted: Choice, backends: Sequence[str], *, fall_back: bool = False
) -> bool:
    if choice.backend not in backends:
        return False
    named = (choice.backend,) if choice.backend == "fake" else (choice.backend, AUTO)
    fits = wanted.backend in named
    if wanted.device == AUTO:
        return fits and choice.device not in NAMED_ONLY
    return fits and (choice.device == wanted.device or fall_back)


def _starting(
    choices: Iterable[Choice], opened: Callable[[Choice], RunsT], reasons: list[str]
) -> Iterator[RunsT]:
    for choice in choices:
        try:
            yield opened(choice)
        except EngineError as exc:
            reasons.append(f"{choice}: {exc}")


def _told(engine: RunsT, why: str, reasons: list[str]) -> RunsT:
    engine.chosen_because = f"auto: {why}"
    for reason in reasons:
        logger.info("auto passes over {}", reason)
    logger.info("running on {}", engine.running_on)
    return engine


def _winner(racers: list[RunsT], reasons: list[str]) -> RunsT:
    times = race(racers)
    best = min(range(len(racers)), key=times.__getitem__)
    if times[best] >= MARGIN * times[0]:
        best = 0
    others = []
    for index, engine in enumerate(racers):
        if index != best:
            others.append(f"{times[index]:.1f} ms on {engine.running_on}")
            engine.close()
    why = f"{times[best]:.1f} ms a picture against {', '.join(others)}"
    return _told(racers[best], why, reasons)


def race(racers: Sequence[Runs]) -> list[float]:
    """Milliseconds of the quickest run of each, the one that others disturbed least; in turns, so
    that all of them meet the same machine."""
    for engine in racers:
        engine.warm_up()
        engine.warm_up()
    best = [math.inf] * len(racers)
    end = time.perf_counter() + RACE_S
    rounds = 0
    while rounds < LEAST_ROUNDS or (rounds < ROUNDS and time.perf_counter() < end):
        for index in range(len(racers)) if rounds % 2 == 0 else reversed(range(len(racers))):
            start = time.perf_counter()
            racers[index].warm_up()
            best[index] = min(best[index], (time.perf_counter() - start) * 1e3)
        rounds += 1
    return best
