"""One plan loaded on the GPU, with its memory: pictures in, maps and scores out."""

from typing import Any, Final

import numpy as np
from loguru import logger

from engines.backends.trt.driver import Cuda
from engines.backends.trt.library import Library
from engines.backends.trt.plan import Plan
from engines.opening import Scores
from engines.spec import EngineSpec
from inspector.core.arrays import Image, Map
from inspector.core.errors import EngineError
from inspector.core.files import write_whole

TENSORS: Final = ("pixels", "anomaly_map", "score")


class Session:
    """Memory is allocated once, for the largest batch of the plan. Closing `cuda` frees it."""

    def __init__(self, library: Library, cuda: Cuda, plan: Plan, spec: EngineSpec) -> None:
        self._library = library
        self._cuda = cuda
        where = f"{plan.path} on {cuda.gpu.name} with driver {cuda.gpu.driver}"
        self._runtime = library.make("start", library.api.Runtime, library.log)
        self._engine = library.make(
            f"load {where}", self._runtime.deserialize_cuda_engine, plan.read()
        )
        # TensorRT RTX compiles kernels when it runs, and captures graphs by itself.
        self._kernels = _Kernels(library, self._engine, plan) if library.is_rtx else None
        settings = () if self._kernels is None else (self._kernels.config,)
        self._context = library.make(
            f"allocate what it needs for {where}", self._engine.create_execution_context, *settings
        )
        self._captures = self._kernels is None
        most = plan.record.options.batches[-1]
        self._host = {
            "pixels": cuda.host_memory((most, *spec.resize.input_hw, 3), np.uint8),
            "anomaly_map": cuda.host_memory((most, *spec.map_hw), np.float32),
            "score": cuda.host_memory((most,), np.float32),
        }
        self._device = {name: cuda.device_memory(self._host[name].nbytes) for name in TENSORS}
        for name in TENSORS:
            self._check(self._context.set_tensor_address(name, self._device[name]))
        self._count = 0
        self._graph: int | None = None

    def run(self, pixels: Image) -> tuple[Map, Scores]:
        """pixels: as many as the largest batch of the plan, or fewer. Raises EngineError."""
        count = len(pixels)
        # Reasons of what failed before, such as a capture, are none of this run's.
        self._library.problems.clear()
        np.copyto(self._host["pixels"][:count], pixels)
        self._queue(count)
        self._cuda.synchronize()
        return self._host["anomaly_map"][:count].copy(), self._host["score"][:count].copy()

    def device_ms(self, pixels: Image, runs: int) -> list[float]:
        """Milliseconds of the plan alone, without the copies, as a graph where that is how it runs.
        pixels and errors as for run()."""
        # Twice: the second run of a batch is the one that may be captured.
        for _ in range(2):
            self.run(pixels)
        if self._graph is None:
            return self._cuda.timed(self._execute, runs)
        graph = self._cuda.capture(self._execute)
        try:
            return self._cuda.timed(lambda: self._cuda.launch(graph), runs)
        finally:
            self._cuda.drop(graph)

    def close(self) -> None:
        """TensorRT's own part, before cuda.close()."""
        if self._kernels is not None:
            self._kernels.keep()
        self._context = self._kernels = self._engine = self._runtime = None
        self._host.clear()

    def _queue(self, count: int) -> None:
        """A graph holds for the batch that it was captured with, and is captured when that comes a
        second time: the first run of a shape may allocate, which no capture allows."""
        if count != self._count:
            self._drop_graph()
            shape = (count, *self._host["pixels"].shape[1:])
            self._check(self._context.set_input_shape("pixels", shape))
            self._count = count
        elif self._graph is None and self._captures:
            self._capture()
        if self._graph is None:
            self._enqueue()
        else:
            self._cuda.launch(self._graph)

    def _enqueue(self) -> None:
        host, device, count = self._host, self._device, self._count
        self._cuda.to_device(device["pixels"], host["pixels"][:count])
        self._execute()
        for name in ("anomaly_map", "score"):
            self._cuda.to_host(host[name][:count], device[name])

    def _execute(self) -> None:
        self._check(self._context.execute_async_v3(self._cuda.stream))

    def _capture(self) -> None:
        try:
            self._graph = self._cuda.capture(self._enqueue)
        except EngineError as exc:
            self._captures = False
            logger.info("running without a CUDA graph: {}", exc)

    def _drop_graph(self) -> None:
        if self._graph is not None:
            self._cuda.drop(self._graph)
            self._graph = None

    def _check(self, done: bool) -> None:
        if not done:
            raise EngineError(f"{self._library.version} failed: {self._library.reason()}")


class _Kernels:
    """How TensorRT RTX compiles the kernels of a plan, and the file that keeps them for the next
    start."""

    def __init__(self, library: Library, engine: Any, plan: Plan) -> None:
        self._library, api = library, library.api
        self.config = engine.create_runtime_config()
        # Otherwise the first runs of a shape use other kernels than the later ones, and the same
        # picture gets two maps.
        strategy = api.DynamicShapesKernelSpecializationStrategy.EAGER
        self.config.dynamic_shapes_kernel_specialization_strategy = strategy
        self.config.cuda_graph_strategy = api.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        self._path = plan.path.with_name(plan.path.name + ".kernels")
        self._cache = self.config.create_runtime_cache()
        self._kept = self._read()
        if self._kept and not self._cache.deserialize(self._kept):
            logger.info("{} is of another GPU or driver: compiling its kernels anew", self._path)
        self.config.set_runtime_cache(self._cache)

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as exc:
            logger.warning("{} cannot be read: {}", self._path, exc)
            return b""

    def keep(self) -> None:
        try:
            kernels = bytes(self._library.make("keep its kernels", self._cache.serialize))
            if kernels != self._kept:
                write_whole(self._path, kernels, "", EngineError)
        except EngineError as exc:
            logger.warning("the next start compiles its kernels again: {}", exc)
