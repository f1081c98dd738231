"""Times one engine on one runtime, in a process whose memory belongs to it alone.

Started by evaluation.runtime_timing. Each answer is one line of JSON on stdout.
"""

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
from inspector.core.memory import peak_memory_mb

GPU_RUNS: Final = 50
"""Runs on the GPU's clock."""


def main() -> int:
    """The argument is a Candidate as JSON. The first answer describes the opened engine.

    Each line on stdin is [batch, seconds]. The answer has the milliseconds of all inferences, on
    the GPU's clock if seconds is null; or {"refused": reason}.
    """
    options = json.loads(sys.argv[1])
    path, plan_dir = Path(options.pop("engine")), options.pop("plan_dir")
    start = time.perf_counter()
    gpu = GpuMemory(options["device"])
    try:
        with gpu.counting():
            engine = open_engine(
                path, **options, plan_dir=None if plan_dir is None else Path(plan_dir)
            )
            engine.warm_up()
        first_frame_ms = (time.perf_counter() - start) * 1e3
        checked = parity.verify(engine) is not None
    except InspectorError as exc:
        _refuse(exc)
        return 0
    _answer(
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
                _answer({"device_ms": engine.device_ms(random_pictures(engine, batch), GPU_RUNS)})
                continue
            with gpu.counting():
                times = time_inference(engine, batch, seconds)
            _answer(times | {"peak_mb": peak_memory_mb(), "gpu_mb": gpu.used_mb})
        except InspectorError as exc:
            _refuse(exc)
        except MemoryError:
            _answer({"refused": "there is not enough memory"})
    engine.close()
    return 0


class GpuMemory:
    """Counts the GPU memory that this process allocates.

    It compares the free memory before and after, which is exact because the other workers wait
    meanwhile. used_mb: None without a GPU.
    """

    def __init__(self, device: str) -> None:
        self.used_mb: float | None = None
        self._cuda: Cuda | None = None
        if device in ("cuda", "tensorrt"):
            try:
                self._cuda = Cuda()
            except EngineError:
                return  # open_engine reports why the GPU cannot be used
            self.used_mb = 0.0

    @contextmanager
    def counting(self) -> Iterator[None]:
        if self._cuda is None or self.used_mb is None:
            yield
            return
        before = self._cuda.free_bytes()
        yield
        self.used_mb += (before - self._cuda.free_bytes()) / 1e6

    def card(self) -> dict[str, Any] | None:
        """The fields of engines.backends.card.Card; None without a GPU."""
        return None if self._cuda is None else dataclasses.asdict(self._cuda.card())


def time_inference(engine: Engine, batch: int, seconds: float) -> dict[str, Any]:
    """Runs inferences for `seconds`, at least one.

    Returns ms, the milliseconds of each, and cpu_ms, the mean CPU time of all cores. One inference
    before them is not counted, because it can allocate memory.
    """
    pixels = random_pictures(engine, batch)
    engine.infer(pixels)
    times_ms: list[float] = []
    end = time.perf_counter() + seconds
    cpu_start = time.process_time()
    while not times_ms or time.perf_counter() < end:
        start = time.perf_counter()
        engine.infer(pixels)
        times_ms.append((time.perf_counter() - start) * 1e3)
    cpu_ms = (time.process_time() - cpu_start) * 1e3 / len(times_ms)
    return {"ms": times_ms, "cpu_ms": cpu_ms}


def random_pictures(engine: Engine, batch: int) -> Image:
    shape = (batch, *engine.spec.resize.input_hw, 3)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def _refuse(exc: InspectorError) -> None:
    _answer({"refused": " ".join(str(exc).split())})


def _answer(values: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
