"""One engine on one runtime, in a process of its own so that its memory is: for tools.bench."""

import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from engines import parity
from engines.backends.trt.driver import Cuda
from engines.opening import Engine, open_engine
from inspector.core.arrays import Image
from inspector.core.errors import EngineError, InspectorError
from inspector.run import peak_memory_mb

EVENTS: Final = 50
"""Runs that are timed by the GPU's clock."""


def main() -> int:
    """argv: path and options of open_engine as JSON. Answers each line of stdin, a batch size and
    seconds, with the milliseconds of every inference, or with why there are none. Without seconds:
    by the GPU's clock."""
    asked = json.loads(sys.argv[1])
    path = Path(asked.pop("path"))
    start = time.perf_counter()
    gpu = _Gpu(asked["device"])
    try:
        with gpu.watched():
            engine = open_engine(path, **asked)
            engine.warm_up()
        first_frame_ms = (time.perf_counter() - start) * 1e3
        checked = parity.verify(engine) is not None
    except InspectorError as exc:
        _say({"refused": " ".join(str(exc).split())})
        return 0
    _say(
        {
            "running_on": engine.running_on,
            "precision": engine.spec.precision,
            "checked": checked,
            "first_frame_ms": first_frame_ms,
            "card": gpu.card(),
        }
    )
    for line in sys.stdin:
        batch, seconds = json.loads(line)
        try:
            if seconds is None:
                _say({"device_ms": engine.device_ms(_pictures(engine, batch), EVENTS)})
                continue
            with gpu.watched():
                taken = times(engine, batch, seconds)
            _say(taken | {"peak_mb": peak_memory_mb(), "gpu_mb": gpu.taken_mb})
        except InspectorError as exc:
            _say({"refused": " ".join(str(exc).split())})
        except MemoryError:
            _say({"refused": "there is not enough memory"})
    engine.close()
    return 0


class _Gpu:
    """taken_mb: how much of the GPU's memory this process took, the others being asleep while it
    works; None without a GPU."""

    def __init__(self, device: str) -> None:
        self.taken_mb: float | None = None
        self._cuda: Cuda | None = None
        if device in ("cuda", "tensorrt"):
            try:
                self._cuda = Cuda()
            except EngineError:
                return  # the engine says why it cannot run
            self.taken_mb = 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        if self._cuda is None or self.taken_mb is None:
            yield
            return
        before = self._cuda.free_bytes()
        yield
        self.taken_mb += (before - self._cuda.free_bytes()) / 1e6

    def card(self) -> dict[str, Any] | None:
        return None if self._cuda is None else dataclasses.asdict(self._cuda.card())


def times(engine: Engine, batch: int, seconds: float) -> dict[str, Any]:
    """Milliseconds of as many inferences as fit into `seconds`, at least one, and the mean time of
    all cores for one; the one before them, which may allocate memory, does not count."""
    pixels = _pictures(engine, batch)
    engine.infer(pixels)
    taken: list[float] = []
    end = time.perf_counter() + seconds
    cores = time.process_time()
    while not taken or time.perf_counter() < end:
        start = time.perf_counter()
        engine.infer(pixels)
        taken.append((time.perf_counter() - start) * 1e3)
    return {"ms": taken, "cpu_ms": (time.process_time() - cores) * 1e3 / len(taken)}


def _pictures(engine: Engine, batch: int) -> Image:
    shape = (batch, *engine.spec.resize.input_hw, 3)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    sys.exit(main())
