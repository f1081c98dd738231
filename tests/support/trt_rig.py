"""A replacement for TensorRT that runs plans on onnxruntime, with the driver of cuda_rig."""

import ctypes
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
from cuda_rig import HostDriver

from engines.backends.trt import library as trt_library
from engines.backends.trt.library import Library


class HostTensorRT:
    """A TensorRT for engines.backends.trt.session. Its plans are ONNX files.

    fail: whether running fails. loads: whether a plan can be loaded. compiled: the kernels that
    TensorRT RTX stores. restored: the stored kernels that it was started with.
    """

    __version__ = "10.9.0"
    DynamicShapesKernelSpecializationStrategy = SimpleNamespace(EAGER="eager")
    CudaGraphStrategy = SimpleNamespace(WHOLE_GRAPH_CAPTURE="whole")

    def __init__(self, driver: HostDriver) -> None:
        self.driver = driver
        self.fail = False
        self.loads = True
        self.is_rtx = False
        self.compiled = b"kernels"
        self.restored: list[bytes] = []
        self.problems: list[str] = []

    def library(self) -> Library:
        name = trt_library.RTX if self.is_rtx else "TensorRT"
        return Library(self, name, log=None, problems=self.problems)

    def Runtime(self, log: Any) -> Any:
        return SimpleNamespace(deserialize_cuda_engine=self._engine)

    def _engine(self, data: bytes) -> Any:
        if not self.loads:
            self.problems.append("Error Code 1: the CUDA driver version is insufficient")
            return None
        model = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])

        def context(*settings: Any) -> _Context:
            for config in settings:
                assert config.dynamic_shapes_kernel_specialization_strategy == "eager"
                assert config.cuda_graph_strategy == "whole"
            assert len(settings) == self.is_rtx
            return _Context(self, model)

        return SimpleNamespace(
            create_execution_context=context, create_runtime_config=self._runtime_config
        )

    def _runtime_config(self) -> Any:
        def restore(data: bytes) -> bool:
            self.restored.append(data)
            return data == self.compiled

        cache = SimpleNamespace(serialize=lambda: self.compiled, deserialize=restore)
        return SimpleNamespace(create_runtime_cache=lambda: cache, set_runtime_cache=lambda _: None)


class _Context:
    def __init__(self, owner: HostTensorRT, model: onnxruntime.InferenceSession) -> None:
        self._owner, self._model = owner, model
        self._addresses: dict[str, int] = {}
        self._shape: tuple[int, ...] = ()

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return address in self._owner.driver.alive

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self._shape = shape
        return name == "pixels"

    def execute_async_v3(self, stream: int) -> bool:
        if self._owner.fail or self._owner.driver.alive.get(stream) != "stream":
            self._owner.problems.append("Error Code 7: the kernel was lost")
            return False
        shape = self._shape
        self._owner.driver.submit(lambda: self._execute(shape))
        return True

    def _execute(self, shape: tuple[int, ...]) -> None:
        size = int(np.prod(shape))
        pixels = np.frombuffer(ctypes.string_at(self._addresses["pixels"], size), np.uint8)
        names = ("anomaly_map", "score")
        for name, value in zip(
            names, self._model.run(names, {"pixels": pixels.reshape(shape)}), strict=True
        ):
            ctypes.memmove(self._addresses[name], value.ctypes.data, value.nbytes)
