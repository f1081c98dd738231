"""One engine on one runtime, in a process of its own so that its memory is: for tools.bench."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from engines import parity
from engines.base import Engine, open_engine
from inspector.core.errors import InspectorError
from inspector.run import peak_memory_mb


def main() -> int:
    """argv: path and options of open_engine as JSON. Answers each line of stdin, a batch size and
    seconds, with the milliseconds of every inference, or with why there are none."""
    asked = json.loads(sys.argv[1])
    start = time.perf_counter()
    try:
        engine = open_engine(Path(asked.pop("path")), **asked)
        engine.warm_up()
        first_frame_ms = (time.perf_counter() - start) * 1e3
        parity.verify(engine)
    except InspectorError as exc:
        _say({"refused": " ".join(str(exc).split())})
        return 0
    _say(
        {
            "running_on": engine.running_on,
            "precision": engine.spec.precision,
            "first_frame_ms": first_frame_ms,
        }
    )
    for line in sys.stdin:
        batch, seconds = json.loads(line)
        try:
            _say(times(engine, batch, seconds) | {"peak_mb": peak_memory_mb()})
        except InspectorError as exc:
            _say({"refused": " ".join(str(exc).split())})
    engine.close()
    return 0


def times(engine: Engine, batch: int, seconds: float) -> dict[str, Any]:
    """Milliseconds of as many inferences as fit into `seconds`, at least one, and the mean time of
    all cores for one; the one before them, which may allocate memory, does not count."""
    pixels = np.random.default_rng(0).integers(
        0, 256, (batch, *engine.spec.resize.input_hw, 3), np.uint8
    )
    engine.infer(pixels)
    taken: list[float] = []
    end = time.perf_counter() + seconds
    cores = time.process_time()
    while not taken or time.perf_counter() < end:
        start = time.perf_counter()
        engine.infer(pixels)
        taken.append((time.perf_counter() - start) * 1e3)
    return {"ms": taken, "cpu_ms": (time.process_time() - cores) * 1e3 / len(taken)}


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    sys.exit(main())
