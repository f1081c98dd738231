"""A replacement for the CUDA driver that uses the memory of the host.

Queued work runs when the stream is synchronised. Code that reads a result too early therefore reads
the old content, as on a GPU.
"""

import ctypes
from collections.abc import Callable
from ctypes import (
    CFUNCTYPE,
    POINTER,
    c_char_p,
    c_float,
    c_int,
    c_size_t,
    c_uint,
    c_uint64,
    c_void_p,
)
from typing import Any

import numpy as np

SIGNATURES: dict[str, tuple[Any, ...]] = {
    "cuInit": (c_uint,),
    "cuDriverGetVersion": (POINTER(c_int),),
    "cuGetErrorString": (c_int, POINTER(c_char_p)),
    "cuDeviceGet": (POINTER(c_int), c_int),
    "cuDeviceGetName": (c_void_p, c_int, c_int),
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
"""From cuda.h, written independently of the table CALLS of the program."""

INVALID, NO_DEVICE, NO_MEMORY, CAPTURE_BROKEN = 1, 100, 2, 901


class HostDriver:
    """Functions of the CUDA driver.

    refuse: name of a function -> error code that it returns. alive: objects that were made and not
    freed. clock: time on the GPU in milliseconds; each piece of work takes 1 ms.
    """

    def __init__(self, *, capability: tuple[int, int] = (8, 6)) -> None:
        self.capability = capability
        self.clock = 0.0
        self.refuse: dict[str, int] = {}
        self.alive: dict[int, Any] = {}
        self.calls: list[str] = []
        self.queue: list[Callable[[], None]] = []
        self.capturing: list[Callable[[], None]] | None = None
        self._next = 1 << 32
        for name, arguments in SIGNATURES.items():
            setattr(self, name, CFUNCTYPE(c_int, *arguments)(self._make_call(name)))

    def _make_call(self, name: str) -> Callable[..., int]:
        function = getattr(self, "_" + name)

        def call(*arguments: Any) -> int:
            self.calls.append(name)
            if name in self.refuse:
                return self.refuse[name]
            return function(*arguments) or 0

        return call

    def _new(self, out: Any, thing: Any, address: int | None = None) -> None:
        self._next += 1
        out[0] = key = self._next if address is None else address
        self.alive[key] = thing

    def _free(self, key: int) -> int:
        return 0 if self.alive.pop(key, None) is not None else INVALID

    def submit(self, work: Callable[[], None]) -> None:
        (self.queue if self.capturing is None else self.capturing).append(work)

    def _cuInit(self, flags: int) -> int:
        return INVALID if flags else 0

    def _cuDriverGetVersion(self, out: Any) -> None:
        out[0] = 13000

    def _cuGetErrorString(self, code: int, out: Any) -> int:
        texts = {NO_DEVICE: b"no CUDA-capable device is detected", NO_MEMORY: b"out of memory"}
        if code not in texts:
            return INVALID
        out[0] = texts[code]
        return 0

    def _cuDeviceGet(self, out: Any, ordinal: int) -> int:
        out[0] = 0
        return NO_DEVICE if ordinal else 0

    def _cuDeviceGetName(self, text: int, size: int, device: int) -> None:
        ctypes.memmove(text, b"Host Memory 4090\0", min(size, 17))

    def _cuDeviceGetAttribute(self, out: Any, attribute: int, device: int) -> None:
        # An RTX 3090: 82 multiprocessors at 1695 MHz, memory at 9751 MHz on 384 lines.
        known = {13: 1_695_000, 16: 82, 36: 9_751_000, 37: 384}
        out[0] = (known | {75: self.capability[0], 76: self.capability[1]})[attribute]

    def _cuDevicePrimaryCtxRetain(self, out: Any, device: int) -> None:
        self._new(out, "context", 0xC0)

    def _cuDevicePrimaryCtxRelease_v2(self, device: int) -> int:
        return self._free(0xC0)

    def _cuCtxSetCurrent(self, context: int) -> int:
        return 0 if context in self.alive else INVALID

    def _memory(self, out: Any, size: int) -> None:
        memory = np.full(size, 0xAB, np.uint8)
        self._new(out, memory, memory.ctypes.data)

    def _cuMemAlloc_v2(self, out: Any, size: int) -> None:
        self._memory(out, size)

    def _cuMemFree_v2(self, address: int) -> int:
        return self._free(address)

    def _cuMemHostAlloc(self, out: Any, size: int, flags: int) -> None:
        self._memory(out, size)

    def _cuMemFreeHost(self, address: int) -> int:
        return self._free(address)

    def _copy(self, to: int, source: int, size: int) -> int:
        for address in (to, source):
            if not any(
                isinstance(memory, np.ndarray)
                and start <= address
                and address + size <= start + memory.nbytes
                for start, memory in self.alive.items()
            ):
                return INVALID
        self.submit(lambda: ctypes.memmove(to, source, size))
        return 0

    def _cuMemcpyHtoDAsync_v2(self, to: int, source: int, size: int, stream: int) -> int:
        return self._copy(to, source, size)

    def _cuMemcpyDtoHAsync_v2(self, to: int, source: int, size: int, stream: int) -> int:
        return self._copy(to, source, size)

    def _cuStreamCreate(self, out: Any, flags: int) -> None:
        self._new(out, "stream")

    def _cuStreamSynchronize(self, stream: int) -> int:
        if self.capturing is not None:
            return CAPTURE_BROKEN
        work, self.queue = self.queue, []
        for task in work:
            task()
            self.clock += 1
        return 0

    def _cuStreamDestroy_v2(self, stream: int) -> int:
        return self._free(stream)

    def _cuStreamBeginCapture_v2(self, stream: int, mode: int) -> None:
        self.capturing = []

    def _cuStreamEndCapture(self, stream: int, out: Any) -> None:
        recorded, self.capturing = self.capturing, None
        self._new(out, recorded)

    def _cuGraphInstantiateWithFlags(self, out: Any, graph: int, flags: int) -> None:
        self._new(out, self.alive[graph])

    def _cuGraphLaunch(self, graph: int, stream: int) -> None:
        self.queue.extend(self.alive[graph])

    def _cuGraphDestroy(self, graph: int) -> int:
        return self._free(graph)

    def _cuGraphExecDestroy(self, graph: int) -> int:
        return self._free(graph)

    def _cuMemGetInfo_v2(self, free: Any, total: Any) -> None:
        arrays = [thing for thing in self.alive.values() if isinstance(thing, np.ndarray)]
        total[0] = 1 << 30
        free[0] = total[0] - sum(array.nbytes for array in arrays)

    def _cuEventCreate(self, out: Any, flags: int) -> None:
        self._new(out, [])

    def _cuEventRecord(self, event: int, stream: int) -> int:
        if self.alive.get(stream) != "stream":
            return INVALID
        # Recording an event takes no time.
        self.submit(lambda: self._record(event))
        return 0

    def _record(self, event: int) -> None:
        self.alive[event][:] = [self.clock]
        self.clock -= 1

    def _cuEventElapsedTime(self, out: Any, start: int, end: int) -> int:
        if not self.alive[start] or not self.alive[end]:
            return INVALID
        out[0] = self.alive[end][0] - self.alive[start][0]
        return 0

    def _cuEventDestroy_v2(self, event: int) -> int:
        return self._free(event)
