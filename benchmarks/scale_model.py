"""Predicts the speed of a pipeline on a number of cores from the CPU time of its stages."""

from collections.abc import Mapping
from typing import Final

THREADS: Final = ("capture", "preprocess", "infer", "measure")
"""Stages with a separate thread. All other stages of benchmarks.stages are on the output thread."""


def thread_times(stages_ms: Mapping[str, float]) -> dict[str, float]:
    """CPU milliseconds per frame of each thread of a pipeline."""
    times: dict[str, float] = {}
    for stage, ms in stages_ms.items():
        thread = stage if stage in THREADS else "output"
        times[thread] = times.get(thread, 0.0) + ms
    return times


def predict_rate(stages_ms: Mapping[str, float], cores: int, cameras: int = 1) -> float:
    """Frames/s of all cameras together, if the stages take as long as alone.

    All cores together cannot do more than their CPU time, and no thread can use more than one core.
    Each camera has the same threads.
    """
    times = thread_times(stages_ms)
    return min(1e3 * cores / sum(times.values()), 1e3 * cameras / max(times.values()))


def slowest_thread(stages_ms: Mapping[str, float]) -> tuple[str, float]:
    """Name and CPU milliseconds per frame."""
    times = thread_times(stages_ms)
    return max(times.items(), key=lambda item: item[1])
