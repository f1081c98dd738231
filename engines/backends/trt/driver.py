"""The few calls of the CUDA driver that an engine needs: memory, one stream, graphs, its clock.

libcuda comes with every NVIDIA driver, so nothing of CUDA has to be installed.
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
"""As cuda.h declares them; all return CUresult."""

_NON_BLOCKING: Final = 1
_CAPTURE_THREAD_LOCAL: Final = 1
_CLOCK_KHZ, _MULTIPROCESSORS, _MEMORY_CLOCK_KHZ, _MEMORY_BITS = 13, 16, 36, 37
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76


@dataclass(frozen=True, slots=True)
class Gpu:
    """driver: such as "580.65.06", or the CUDA version that it supports where that is not told."""

    name: str
    capability: tuple[int, int]
    driver: str

    @property
    def target(self) -> str:
        return "SM{}{}".format(*self.capability)


class Cuda:
    """The first GPU that the process sees, with one stream; for one thread. What it allocates
    lives until close()."""

    def __init__(self, driver: Any = None) -> None:
        """driver: the library's functions by name, loaded if not given. Raises EngineError."""
        self._driver = _load() if driver is None else driver
        self._prototypes()
        self._device_memory: list[int] = []
        self._host_memory: list[int] = []
        self._graphs: list[int] = []
        self._device = self._first_device()
        self.gpu = Gpu(self._name(), self._capability(), self._driver_version())
        self._context = self._out("cuDevicePrimaryCtxRetain", c_void_p(), self._device)
        self._call("cuCtxSetCurrent", self._context)
        self.stream = self._out("cuStreamCreate", c_void_p(), _NON_BLOCKING)
        self._open = True

    def device_memory(self, size: int) -> int:
        """Address of size bytes on the GPU."""
        address: int = self._out("cuMemAlloc_v2", c_uint64(), size)
        self._device_memory.append(address)
        return address

    def host_memory(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Page-locked, so that the GPU copies it by itself. Not to be touched after close()."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        address: int = self._out("cuMemHostAlloc", c_void_p(), size, 0)
        self._host_memory.append(address)
        memory = memoryview((ctypes.c_uint8 * size).from_address(address))
        return np.frombuffer(memory, np.uint8).view(dtype).reshape(shape)

    def to_device(self, address: int, array: npt.NDArray[Any]) -> None:
        """Queued on the stream. array: contiguous, of host_memory()."""
        self._call("cuMemcpyHtoDAsync_v2", address, array.ctypes.data, array.nbytes, self.stream)

    def to_host(self, array: npt.NDArray[Any], address: int) -> None:
        """Queued on the stream. array: contiguous, of host_memory()."""
        self._call("cuMemcpyDtoHAsync_v2", array.ctypes.data, address, array.nbytes, self.stream)

    def synchronize(self) -> None:
        self._call("cuStreamSynchronize", self.stream)

    def capture(self, work: Callable[[], None]) -> int:
        """A graph of what work() queues on the stream; nothing of it runs yet."""
        self._call("cuStreamBeginCapture_v2", self.stream, _CAPTURE_THREAD_LOCAL)
        try:
            work()
        except EngineError:
            # A capture that failed must be ended too, which fails again or gives a part of it.
            unfinished = c_void_p()
            self._driver.cuStreamEndCapture(self.stream, byref(unfinished))
            if unfinished:
                self._driver.cuGraphDestroy(unfinished)
            raise
        recorded = self._out("cuStreamEndCapture", c_void_p(), before=(self.stream,))
        try:
            graph: int = self._out("cuGraphInstantiateWithFlags", c_void_p(), recorded, 0)
        finally:
            self._call("cuGraphDestroy", recorded)
        self._graphs.append(graph)
        return graph

    def launch(self, graph: int) -> None:
        """Queues a captured graph on the stream."""
        self._call("cuGraphLaunch", graph, self.stream)

    def timed(self, work: Callable[[], None], runs: int) -> list[float]:
        """Milliseconds on the GPU of each of `runs` times what work() queues on the stream, one
        behind the other without waiting: the time of queueing hides behind the work, unless it is
        the longer of the two, when the GPU waits and that is what is measured."""
        events: list[int] = []
        try:
            for _ in range(runs + 1):
                events.append(self._out("cuEventCreate", c_void_p(), 0))
            self._call("cuEventRecord", events[0], self.stream)
            for event in events[1:]:
                work()
                self._call("cuEventRecord", event, self.stream)
            self.synchronize()
            pairs = itertools.pairwise(events)
            return [self._out("cuEventElapsedTime", c_float(), *pair) for pair in pairs]
        finally:
            for event in events:
                self._driver.cuEventDestroy_v2(event)

    def free_bytes(self) -> int:
        """Of the GPU's memory, whoever uses the rest."""
        total = c_size_t()
        free: int = self._out("cuMemGetInfo_v2", c_size_t(), byref(total))
        return free

    def card(self) -> Card:
        numbers = (_MULTIPROCESSORS, _CLOCK_KHZ, _MEMORY_CLOCK_KHZ, _MEMORY_BITS)
        count, clock, memory_clock, bits = map(self._attribute, numbers)
        # Memory sends two bits a clock on each line.
        return Card(self.gpu.capability, count, clock * 1e3, 2 * memory_clock * 1e3 * bits / 8)

    def drop(self, graph: int) -> None:
        self._graphs.remove(graph)
        self._call("cuGraphExecDestroy", graph)

    def close(self) -> None:
        """Callable twice. What fails is left to the driver, which frees it with the process."""
        if not self._open:
            return
        self._open = False
        driver = self._driver
        driver.cuStreamSynchronize(self.stream)
        for release, held in (
            (driver.cuGraphExecDestroy, self._graphs),
            (driver.cuMemFree_v2, self._device_memory),
            (driver.cuMemFreeHost, self._host_memory),
        ):
            while held:
                release(held.pop())
        driver.cuStreamDestroy_v2(self.stream)
        driver.cuDevicePrimaryCtxRelease_v2(self._device)

    def _prototypes(self) -> None:
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

    def _out(self, name: str, result: Any, *after: Any, before: tuple[Any, ...] = ()) -> Any:
        """What a call writes through its pointer argument."""
        self._call(name, *before, byref(result), *after)
        return result.value

    def _first_device(self) -> int:
        try:
            self._call("cuInit", 0)
            device: int = self._out("cuDeviceGet", c_int(), 0)
        except EngineError as exc:
            raise EngineError(f"CUDA needs an NVIDIA GPU: {exc}") from exc
        return device

    def _name(self) -> str:
        text = ctypes.create_string_buffer(256)
        self._call("cuDeviceGetName", text, len(text), self._device)
        return text.value.decode("utf-8", "replace")

    def _capability(self) -> tuple[int, int]:
        return self._attribute(_CAPABILITY_MAJOR), self._attribute(_CAPABILITY_MINOR)

    def _attribute(self, number: int) -> int:
        value: int = self._out("cuDeviceGetAttribute", c_int(), number, self._device)
        return value

    def _driver_version(self) -> str:
        supported = self._out("cuDriverGetVersion", c_int())
        return _release() or f"for CUDA {supported // 1000}.{supported % 1000 // 10}"


def _load() -> Any:
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError as exc:
        raise EngineError(
            f"CUDA needs an NVIDIA GPU and its driver, but {LIBRARY} does not load: {exc}"
        ) from exc


def _release() -> str | None:
    """The driver's own version; None where the management library, which Jetsons lack, is not."""
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
