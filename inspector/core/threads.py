"""The number of threads that a runtime may use in one of several worker processes."""

import os
from typing import Final

THREADS_VARIABLE: Final = "LINE_INSPECTOR_THREADS"
"""Environment variable with the threads of one worker. It is not set in other processes."""

LIBRARY_VARIABLES: Final = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"),
)
"""Environment variables with the threads of numpy and OpenCV."""


def runtime_threads(threads: int) -> int:
    """The threads of a runtime. threads: as the user set them; 0 means the share of this worker
    process, and in other processes 0 (the runtime chooses)."""
    return threads or int(os.environ.get(THREADS_VARIABLE, "0"))


def limit_threads(cores: int, workers: int) -> dict[str, str]:
    """Environment variables with which `workers` processes share the cores of a machine.

    Each worker gets an equal share of the cores, but at least one thread. Variables that the user
    set do not change.
    """
    share = str(max(1, cores // workers))
    names = (THREADS_VARIABLE, *LIBRARY_VARIABLES)
    return {name: os.environ.get(name, share) for name in names}
