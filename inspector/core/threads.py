"""The number of threads that a runtime may use in one of several worker processes."""

import os
from typing import Final

THREADS_VARIABLE: Final = "LINE_INSPECTOR_THREADS"
"""Environment variable with the threads of one worker. It is not set in other processes."""

OPENCV_VARIABLE: Final = "OPENCV_FOR_THREADS_NUM"

ALGEBRA_VARIABLES: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables with the threads of the linear algebra of numpy."""


def runtime_threads(threads: int) -> int:
    """The threads of a runtime. threads: as the user set them; 0 means the share of this worker
    process, and in other processes 0 (the runtime chooses)."""
    return threads or int(os.environ.get(THREADS_VARIABLE, "0"))


def usable_cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worker_variables(cores: int, workers: int) -> dict[str, str]:
    """Environment variables with which `workers` processes share `cores`.

    Engines and OpenCV get an equal share of the cores, but at least one thread. The linear algebra
    of numpy gets as many threads as in the process that calls this, because their number changes
    the last bit of its results. Variables that the user set do not change.
    """
    share, here = str(max(1, cores // workers)), str(usable_cores())
    defaults = {THREADS_VARIABLE: share, OPENCV_VARIABLE: share}
    defaults |= dict.fromkeys(ALGEBRA_VARIABLES, here)
    return {name: os.environ.get(name, value) for name, value in defaults.items()}
