"""Loads a plan on the GPU and runs it: pictures in, maps and scores out."""

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


class PlanRunner:
    """Runs a loaded plan. Its memory is for the largest batch; cuda.close() frees it."""

    def __init__(self, library: Library, cuda: Cuda, plan: Plan, spec: EngineSpec) -> None:
        self._library = library
        self._cuda = cuda
        where = f"{plan.path} on {cuda.gpu.name} with driver {cuda.gpu.driver}"
        self._runtime = library.make("start", library.api.Runtime, library.log)
        self._engine = library.make(
            f"load {where}", self._runtime.deserialize_cuda_engine, plan.read()
        )
        # TensorRT RTX compiles its kernels at run time, and captures graphs itself.
        self._kernels = _KernelCache(library, self._engine, plan) if library.is_rtx else None
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
        """pixels: at most the largest batch of the plan. Raises EngineError."""
        count = len(pixels)
        # Earlier problems, such as a failed capture, do not explain an error of this run.
        self._library.problems.clear()
        np.copyto(self._host["pixels"][:count], pixels)
        self._queue(count)
        self._cuda.synchronize()
        return self._host["anomaly_map"][:count].copy(), self._host["score"][:count].copy()

    def device_ms(self, pixels: Image, runs: int) -> list[float]:
        """Milliseconds of each run of the plan, without the copies.

        The plan runs as a CUDA graph if run() uses one. pixels and errors: as for run().
        """
        # Twice, because the second run with a batch size captures the graph.
        for _ in range(2):
            self.run(pixels)
        if self._graph is None:
            return self._cuda.time_runs(self._execute, runs)
        graph = self._cuda.capture(self._execute)
        try:
            return self._cuda.time_runs(lambda: self._cuda.launch(graph), runs)
        finally:
            self._cuda.destroy_graph(graph)

    def close(self) -> None:
        """Frees the objects of TensorRT. Call it before cuda.close()."""
        if self._kernels is not None:
            self._kernels.save()
        self._context = self._kernels = self._engine = self._runtime = None
        self._host.clear()

    def _queue(self, count: int) -> None:
        """Queues one run, as a graph if possible.

        A graph is valid for one batch size. It is captured in the second run with this size,
        because the first run may allocate memory, and a capture does not allow that.
        """
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
            self._cuda.destroy_graph(self._graph)
            self._graph = None

    def _check(self, success: bool) -> None:
        if not success:
            raise EngineError(f"{self._library.version} failed: {self._library.reason()}")


class _KernelCache:
    """Settings for the kernels that TensorRT RTX compiles, and the file that stores them for the
    next start."""

    def __init__(self, library: Library, engine: Any, plan: Plan) -> None:
        self._library, api = library, library.api
        self.config = engine.create_runtime_config()
        # Otherwise the first runs with a shape use other kernels than later runs, and the same
        # picture gets two different maps.
        strategy = api.DynamicShapesKernelSpecializationStrategy.EAGER
        self.config.dynamic_shapes_kernel_specialization_strategy = strategy
        self.config.cuda_graph_strategy = api.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        self._path = plan.path.with_name(plan.path.name + ".kernels")
        self._cache = self.config.create_runtime_cache()
        self._stored = self._read()
        if self._stored and not self._cache.deserialize(self._stored):
            logger.info(
                "{} is for another GPU or driver: the kernels are compiled again", self._path
            )
        self.config.set_runtime_cache(self._cache)

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as exc:
            logger.warning("{} cannot be read: {}", self._path, exc)
            return b""

    def save(self) -> None:
        try:
            kernels = bytes(self._library.make("store its kernels", self._cache.serialize))
            if kernels != self._stored:
                write_whole(self._path, kernels, "", EngineError)
        except EngineError as exc:
            logger.warning(
                "the kernels are not stored, so the next start compiles them again: {}", exc
            )
