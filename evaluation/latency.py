"""How long engines take per picture, in turns so that all of them meet the same machine."""

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
class Times:
    """One engine in a round. total_ms: (n,) of preprocessing and inference of one picture at a
    time. ratio: median over pictures of its time to the first engine's on the same picture."""

    running_on: str
    preprocess_ms: Floats
    total_ms: Floats
    ratio: float

    def summary(self) -> Latency:
        infer = self.total_ms - self.preprocess_ms
        return summarize(self.running_on, 1, self.preprocess_ms, infer)


def in_turns(engines: Sequence[Engine], pictures: Sequence[Image], rounds: int) -> list[Times]:
    """Each picture, `rounds` times, through every engine in turn: A, B, B, A, A, B ... Pictures are
    (H, W, 3) uint8 BGR. Reading files is not timed."""
    for engine in engines:
        for _ in range(WARM_UPS):
            engine.warm_up()
    taken = np.zeros((2, len(engines), rounds * len(pictures)))
    for turn, image in enumerate([*pictures] * rounds):
        order = range(len(engines))
        # Who comes second finds the caches filled with the other's bank: each is second as often.
        for index in order if turn % 2 == 0 else reversed(order):
            taken[:, index, turn] = _one(engines[index], image)
    return [
        Times(
            engine.running_on,
            taken[0, index],
            taken[1, index],
            float(np.median(taken[1, index] / taken[1, 0])),
        )
        for index, engine in enumerate(engines)
    ]


def of_pictures(running_on: str, batch: int, pictures: Sequence[PictureResult]) -> Latency:
    """Of those that were judged, as their evaluation timed them."""
    timed = [(p.preprocess_ms, p.infer_ms) for p in pictures if p.error is None]
    preprocess_ms, infer_ms = np.array(timed, np.float64).reshape(-1, 2).T
    return summarize(running_on, batch, preprocess_ms, infer_ms)


def summarize(running_on: str, batch: int, preprocess_ms: Floats, infer_ms: Floats) -> Latency:
    """Both (n,), of the same pictures."""
    total = preprocess_ms + infer_ms
    some = len(total) > 0
    return Latency(
        running_on=running_on,
        batch=batch,
        pictures=len(total),
        preprocess_p50_ms=float(np.median(preprocess_ms)) if some else None,
        infer_p50_ms=float(np.median(infer_ms)) if some else None,
        total_p50_ms=float(np.median(total)) if some else None,
        total_p99_ms=float(np.quantile(total, 0.99)) if some else None,
    )


def _one(engine: Engine, image: Image) -> tuple[float, float]:
    start = time.perf_counter()
    pixels, _ = to_input(image, engine.spec.resize)
    ready = time.perf_counter()
    engine.infer(pixels[None])
    return 1000 * (ready - start), 1000 * (time.perf_counter() - start)
