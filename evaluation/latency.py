"""Measures the time that engines take per picture.

time_engines runs all engines in turns, so that each of them meets the same state of the machine.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from engines.opening import Engine
from engines.resize import to_input
from evaluation.results import Latency, PictureResult
from inspector.core.arrays import Image

Floats = npt.NDArray[np.float64]

WARM_UPS: Final = 3


@dataclass(frozen=True, slots=True)
class EngineTimes:
    """Times of one engine. preprocess_ms, total_ms: (n,) float64, total_ms with inference. ratio:
    median over pictures of this engine's time divided by the first engine's."""

    running_on: str
    preprocess_ms: Floats
    total_ms: Floats
    ratio: float

    def summarize(self) -> Latency:
        infer_ms = self.total_ms - self.preprocess_ms
        return _summarize(self.running_on, 1, self.preprocess_ms, infer_ms)


def time_engines(
    engines: Sequence[Engine], pictures: Sequence[Image], rounds: int
) -> list[EngineTimes]:
    """Runs each picture `rounds` times through every engine, in the order A, B, B, A, A, B ...

    pictures: (H, W, 3) uint8 BGR each. The time to read files is not included.
    """
    for engine in engines:
        for _ in range(WARM_UPS):
            engine.warm_up()
    times = np.zeros((2, len(engines), rounds * len(pictures)))
    for turn, image in enumerate([*pictures] * rounds):
        for index in order_of_turn(turn, len(engines)):
            times[:, index, turn] = _time_picture(engines[index], image)
    return [
        EngineTimes(
            running_on=engine.running_on,
            preprocess_ms=times[0, index],
            total_ms=times[1, index],
            ratio=float(np.median(times[1, index] / times[1, 0])),
        )
        for index, engine in enumerate(engines)
    ]


def order_of_turn(turn: int, count: int) -> list[int]:
    """Indices 0 to count - 1, reversed in every second turn.

    Each engine is first as often as last, because the engine before it fills the caches.
    """
    return list(range(count)) if turn % 2 == 0 else list(reversed(range(count)))


def summarize_pictures(running_on: str, batch: int, pictures: Sequence[PictureResult]) -> Latency:
    """Latency over the pictures that have a verdict, from the times in their results."""
    times = [(p.preprocess_ms, p.infer_ms) for p in pictures if p.error is None]
    preprocess_ms, infer_ms = np.array(times, np.float64).reshape(-1, 2).T
    return _summarize(running_on, batch, preprocess_ms, infer_ms)


def _summarize(running_on: str, batch: int, preprocess_ms: Floats, infer_ms: Floats) -> Latency:
    """preprocess_ms, infer_ms: (n,) float64, of the same pictures."""
    total_ms = preprocess_ms + infer_ms
    measured = len(total_ms) > 0
    return Latency(
        running_on=running_on,
        batch=batch,
        pictures=len(total_ms),
        preprocess_p50_ms=float(np.median(preprocess_ms)) if measured else None,
        infer_p50_ms=float(np.median(infer_ms)) if measured else None,
        total_p50_ms=float(np.median(total_ms)) if measured else None,
        total_p99_ms=float(np.quantile(total_ms, 0.99)) if measured else None,
    )


def _time_picture(engine: Engine, image: Image) -> tuple[float, float]:
    """Milliseconds of preprocessing, and of preprocessing with inference."""
    start = time.perf_counter()
    pixels, _ = to_input(image, engine.spec.resize)
    prepared = time.perf_counter()
    engine.infer(pixels[None])
    return 1000 * (prepared - start), 1000 * (time.perf_counter() - start)
