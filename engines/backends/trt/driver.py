"""Calls the CUDA driver: allocates memory, runs a stream and graphs, and measures times.

libcuda comes with every NVIDIA driver, so CUDA itself need not be installed.
"""

import ctypes
import itertools
import sys
from collections.abc import Callable
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_size_t, c_uint, c_uint64, c_void_p
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engines.backends.card import Card
from inspector.core.errors import EngineError

LIBRARY: Final = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
MANAGEMENT: Final = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"

CALLS: Final[dict[str, tuple[Any, ...]]] = {
    "cuInit": (c_uint,),
    "cuDriverGetVersion": (POINTER(c_int),),
    "cuGetErrorString": (c_int, POINTER(c_char_p)),
    "cuDeviceGet": (POINTER(c_int), c_int),
    "cuDeviceGetName": (c_char_p, c_int, c_int),
    "cuDeviceGetAttribute": (POINTER(c_int), c_int, c_int),
    "cuDevicePrimaryCtxRetain": (POINTER(c_void_p), c_int),
    "cuDevicePrimaryCtxRelease_v2": (c_int,),
    "cuCtxSetCurrent": (c_void_p,),
    "cuMemAlloc_v2": (POINTER(c_uint64), c_size_t),
    "cuMemFree_v2": (c_uint64,),
    "cuMemHostAlloc": (POINTER(c_void_p), c_size_t, c_uint),
    "cuMemFreeHost": (c_void_p,),
    "cuMemGetInfo_v2": (POINTER(c_size_t), POINTER(c_size_t)),
    "cuMemcpyHtoDAsync_v2": (c_uint64, c_void_p, c_size_t, c_void_p),
    "cuMemcpyDtoHAsync_v2": (c_void_p, c_uint64, c_size_t, c_void_p),
    "cuStreamCreate": (POINTER(c_void_p), c_uint),
    "cuStreamSynchronize": (c_void_p,),
    "cuStreamDestroy_v2": (c_void_p,),
    "cuStreamBeginCapture_v2": (c_void_p, c_int),
    "cuStreamEndCapture": (c_void_p, POINTER(c_void_p)),
    "cuGraphInstantiateWithFlags": (POINTER(c_void_p), c_void_p, c_uint64),
    "cuGraphLaunch": (c_void_p, c_void_p),
    "cuGraphDestroy": (c_void_p,),
    "cuGraphExecDestroy": (c_void_p,),
    "cuEventCreate": (POINTER(c_void_p), c_uint),
    "cuEventRecord": (c_void_p, c_void_p),
    "cuEventElapsedTime": (POINTER(c_float), c_void_p, c_void_p),
    "cuEventDestroy_v2": (c_void_p,),
}
"""Name of a function -> types of its arguments, as in cuda.h. All return CUresult."""

_NON_BLOCKING: Final = 1
_CAPTURE_THREAD_LOCAL: Final = 1
_CLOCK_KHZ, _MULTIPROCESSORS, _MEMORY_CLOCK_KHZ, _MEMORY_BITS = 13, 16, 36, 37
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76


@dataclass(frozen=True, slots=True)
class Gpu:
    """driver: its version, such as "580.65.06"; if unknown, the CUDA version that it supports."""

    name: str
    capability: tuple[int, int]
    driver: str

    @property
    def target(self) -> str:
        return "SM{}{}".format(*self.capability)


class Cuda:
    """The first GPU that the process sees, with one stream. Use it on one thread only.

    Its memory stays allocated until close().
    """

    def __init__(self, driver: Any = None) -> None:
        """driver: an object with the functions in CALLS; None loads libcuda. Raises EngineError."""
        self._driver = _load() if driver is None else driver
        self._declare_functions()
        self._device_memory: list[int] = []
        self._host_memory: list[int] = []
        self._graphs: list[int] = []
        self._device = self._first_device()
        self.gpu = Gpu(self._read_name(), self._read_capability(), self._read_driver_version())
        self._context = self._call_for_value("cuDevicePrimaryCtxRetain", c_void_p(), self._device)
        self._call("cuCtxSetCurrent", self._context)
        self.stream = self._call_for_value("cuStreamCreate", c_void_p(), _NON_BLOCKING)
        self._open = True

    def device_memory(self, size: int) -> int:
        """Allocates size bytes on the GPU and returns their address."""
        address: int = self._call_for_value("cuMemAlloc_v2", c_uint64(), size)
        self._device_memory.append(address)
        return address

    def host_memory(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Allocates page-locked memory, which the GPU copies directly; invalid after close()."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        address: int = self._call_for_value("cuMemHostAlloc", c_void_p(), size, 0)
        self._host_memory.append(address)
        memory = memoryview((ctypes.c_uint8 * size).from_address(address))
        return np.frombuffer(memory, np.uint8).view(dtype).reshape(shape)

    def to_device(self, address: int, array: npt.NDArray[Any]) -> None:
        """Queues a copy to the GPU on the stream. array: contiguous, from host_memory()."""
        self._call("cuMemcpyHtoDAsync_v2", address, array.ctypes.data, array.nbytes, self.stream)

    def to_host(self, array: npt.NDArray[Any], address: int) -> None:
        """Queues a copy to the GPU on the stream. array: contiguous, from host_memory()."""
        self._call("cuMemcpyDtoHAsync_v2", array.ctypes.data, address, array.nbytes, self.stream)

    def synchronize(self) -> None:
        self._call("cuStreamSynchronize", self.stream)

    def capture(self, work: Callable[[], None]) -> int:
        """Makes a graph of the calls that work() queues on the stream. They do not run yet."""
        self._call("cuStreamBeginCapture_v2", self.stream, _CAPTURE_THREAD_LOCAL)
        try:
            work()
        except EngineError:
            # A failed capture must be ended too. This fails, or returns an unfinished graph.
            unfinished = c_void_p()
            self._driver.cuStreamEndCapture(self.stream, byref(unfinished))
            if unfinished:
                self._driver.cuGraphDestroy(unfinished)
            raise
        recorded = self._call_for_value("cuStreamEndCapture", c_void_p(), before=(self.stream,))
        try:
            graph: int = self._call_for_value(
                "cuGraphInstantiateWithFlags", c_void_p(), recorded, 0
            )
        finally:
            self._call("cuGraphDestroy", recorded)
        self._graphs.append(graph)
        return graph

    def launch(self, graph: int) -> None:
        """Queues a captured graph on the stream."""
        self._call("cuGraphLaunch", graph, self.stream)

    def time_runs(self, work: Callable[[], None], runs: int) -> list[float]:
        """Calls work() `runs` times and measures each run on the GPU, in milliseconds.

        work() queues calls on the stream. The runs follow each other without waiting, so the time
        for queueing does not count, unless queueing takes longer than the work itself.
        """
        events: list[int] = []
        try:
            for _ in range(runs + 1):
                events.append(self._call_for_value("cuEventCreate", c_void_p(), 0))
            self._call("cuEventRecord", events[0], self.stream)
            for event in events[1:]:
                work()
                self._call("cuEventRecord", event, self.stream)
            self.synchronize()
            pairs = itertools.pairwise(events)
            return [self._call_for_value("cuEventElapsedTime", c_float(), *pair) for pair in pairs]
        finally:
            for event in events:
                self._driver.cuEventDestroy_v2(event)

    def free_bytes(self) -> int:
        """Free memory of the GPU."""
        total = c_size_t()
        free: int = self._call_for_value("cuMemGetInfo_v2", c_size_t(), byref(total))
        return free

    def card(self) -> Card:
        numbers = (_MULTIPROCESSORS, _CLOCK_KHZ, _MEMORY_CLOCK_KHZ, _MEMORY_BITS)
        count, clock, memory_clock, bits = map(self._read_attribute, numbers)
        # The memory sends two bits per clock cycle on each line.
        return Card(self.gpu.capability, count, clock * 1e3, 2 * memory_clock * 1e3 * bits / 8)

    def destroy_graph(self, graph: int) -> None:
        self._graphs.remove(graph)
        self._call("cuGraphExecDestroy", graph)

    def close(self) -> None:
        """Frees everything. A second call does nothing.

        Errors are ignored, because the driver frees the rest when the process ends.
        """
        if not self._open:
            return
        self._open = False
        driver = self._driver
        driver.cuStreamSynchronize(self.stream)
        for release, handles in (
            (driver.cuGraphExecDestroy, self._graphs),
            (driver.cuMemFree_v2, self._device_memory),
            (driver.cuMemFreeHost, self._host_memory),
        ):
            while handles:
                release(handles.pop())
        driver.cuStreamDestroy_v2(self.stream)
        driver.cuDevicePrimaryCtxRelease_v2(self._device)

    def _declare_functions(self) -> None:
        for name, arguments in CALLS.items():
            function = getattr(self._driver, name, None)
            if function is None:
                raise EngineError(f"this NVIDIA driver is too old: it has no {name}; update it")
            function.argtypes, function.restype = arguments, c_int

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._driver, name)(*arguments)
        if code:
            text = c_char_p()
            self._driver.cuGetErrorString(code, byref(text))
            reason = (text.value or b"unknown error").decode("utf-8", "replace")
            raise EngineError(f"CUDA refuses {name.removesuffix('_v2')}: {reason} ({code})")

    def _call_for_value(
        self, name: str, result: Any, *after: Any, before: tuple[Any, ...] = ()
    ) -> Any:
        """Calls a function and returns the value that it writes to its pointer argument."""
        self._call(name, *before, byref(result), *after)
        return result.value

    def _first_device(self) -> int:
        try:
            self._call("cuInit", 0)
            device: int = self._call_for_value("cuDeviceGet", c_int(), 0)
        except EngineError as exc:
            raise EngineError(f"CUDA needs an NVIDIA GPU: {exc}") from exc
        return device

    def _read_name(self) -> str:
        text = ctypes.create_string_buffer(256)
        self._call("cuDeviceGetName", text, len(text), self._device)
        return text.value.decode("utf-8", "replace")

    def _read_capability(self) -> tuple[int, int]:
        return self._read_attribute(_CAPABILITY_MAJOR), self._read_attribute(_CAPABILITY_MINOR)

    def _read_attribute(self, number: int) -> int:
        value: int = self._call_for_value("cuDeviceGetAttribute", c_int(), number, self._device)
        return value

    def _read_driver_version(self) -> str:
        supported = self._call_for_value("cuDriverGetVersion", c_int())
        return _read_release() or f"for CUDA {supported // 1000}.{supported % 1000 // 10}"


def _load() -> Any:
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError as exc:
        raise EngineError(
            f"CUDA needs an NVIDIA GPU and its driver, but {LIBRARY} cannot be loaded: {exc}"
        ) from exc


def _read_release() -> str | None:
    """Version of the driver; None without the management library, which Jetsons do not have."""
    try:
        management = ctypes.CDLL(MANAGEMENT)
    except OSError:
        return None
    text = ctypes.create_string_buffer(96)
    if management.nvmlInit_v2():
        return None
    try:
        failed = management.nvmlSystemGetDriverVersion(text, c_uint(len(text)))
    finally:
        management.nvmlShutdown()
    return None if failed else text.value.decode("utf-8", "replace")
