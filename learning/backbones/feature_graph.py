"""Writes a feature extractor as an ONNX graph, directly from its arrays of weights."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from inspector.core.errors import ConfigError
from learning.backbones.zoo import INPUT, BackboneInfo

OPSET = 17
"""The oldest opset with LayerNormalization; onnxruntime 1.20, TensorRT 8.6 and later read it."""
IR_VERSION = 8
SHARED = 1 << 16
"""Bytes. Larger constants are stored once, however often a network is applied."""
IMAGENET_MEAN = np.array((0.485, 0.456, 0.406))[:, None, None]
IMAGENET_STD = np.array((0.229, 0.224, 0.225))[:, None, None]
"""Mean and deviation of RGB in [0, 1], shaped for pictures and kernels (..., 3, H, W)."""


class Weights:
    """Named arrays of one network. where: their file, for messages."""

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]], where: str) -> None:
        self._arrays = arrays
        self.where = where

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def first(self, *names: str) -> str:
        """The first of the names that exists. Raises ConfigError if none does."""
        for name in names:
            if name in self._arrays:
                return name
        raise ConfigError(f"{self.where}: the weights lack {' and '.join(map(repr, names))}")

    def array(self, name: str) -> npt.NDArray[Any]:
        """The array as it is stored. Raises ConfigError when it is missing."""
        if name not in self._arrays:
            raise ConfigError(f"{self.where}: the weights lack {name!r}, which the network needs")
        return self._arrays[name]

    def shape(self, name: str, rank: int) -> tuple[int, ...]:
        """Sides of the array, all above 0. Raises ConfigError when it is missing or has another
        rank."""
        shape = self.array(name).shape
        if len(shape) != rank or 0 in shape:
            raise ConfigError(
                f"{self.where}: weight {name!r} has shape {shape}, the network needs {rank} sides"
            )
        return shape

    def take(self, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
        """The array as float64. Raises ConfigError when it is missing or has another shape."""
        array = self.array(name)
        if array.shape != shape:
            raise ConfigError(
                f"{self.where}: weight {name!r} has shape {array.shape}, the network needs {shape}"
            )
        return array.astype(np.float64)


class FeatureGraph:
    """Collects nodes. Tensors are passed around by name; `x` is always (N, C, H, W)."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[TensorProto] = []
        self._shared: dict[tuple[Any, ...], str] = {}

    def constant(self, array: npt.NDArray[Any]) -> str:
        """A constant. A large array that the graph has already is stored once."""
        if array.nbytes < SHARED:
            return self._add_constant(array)
        content = np.ascontiguousarray(array)
        key = (content.dtype, content.shape, hashlib.sha256(content.tobytes()).digest())
        if key not in self._shared:
            self._shared[key] = self._add_constant(content)
        return self._shared[key]

    def _add_constant(self, array: npt.NDArray[Any]) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """One node with one output, whose name is returned."""
        name = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def floats(self, array: npt.NDArray[np.float64]) -> str:
        """A float32 constant."""
        return self.constant(array.astype(np.float32))

    def integers(self, *values: int) -> str:
        """An int64 constant with one axis: shapes, pads, bounds."""
        return self.constant(np.array(values, dtype=np.int64))

    def scalar(self, value: float) -> str:
        return self.constant(np.array(value, dtype=np.float32))

    def minus_per_channel(self, x: str, mean: npt.NDArray[np.float64]) -> str:
        """mean: (3, 1, 1)."""
        return self.node("Sub", x, self.floats(mean))

    def conv(
        self,
        x: str,
        kernel: npt.NDArray[np.float64],
        bias: npt.NDArray[np.float64],
        *,
        stride: int,
        pads: tuple[int, int],
        groups: int = 1,
    ) -> str:
        """kernel: (out, in / groups, k, k); bias: (out,). pads: before and after, on both axes."""
        before, after = pads
        return self.node(
            "Conv",
            x,
            self.floats(kernel),
            self.floats(bias),
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=groups,
        )

    def tokens_of_patches(self, x: str, added: npt.NDArray[np.float64], before: int) -> str:
        """(N, C, h, w) -> (N, before + h * w, C), row by row, plus `added` (before + h * w, C)."""
        x = self.node("Reshape", x, self.integers(0, added.shape[1], -1))
        x = self.node("Transpose", x, perm=[0, 2, 1])
        x = self.node("Pad", x, self.integers(0, before, 0, 0, 0, 0))
        return self.node("Add", x, self.floats(added))

    def grid_of_tokens(self, x: str, before: int, channels: int, grid: tuple[int, int]) -> str:
        """(N, before + h * w, C) -> (N, C, h, w), without the first tokens."""
        bounds = (before, before + grid[0] * grid[1], 1)
        if before:
            x = self.node("Slice", x, *(self.integers(value) for value in bounds))
        x = self.node("Transpose", x, perm=[0, 2, 1])
        return self.node("Reshape", x, self.integers(0, channels, *grid))

    def model(
        self,
        info: BackboneInfo,
        tensors: Mapping[str, str],
        grids: Mapping[str, tuple[int, int]] | None = None,
    ) -> onnx.ModelProto:
        """The finished file. tensors: output name of `info` -> tensor that this graph made. grids:
        output name -> (h, w), for outputs whose grid does not cover the whole picture."""
        height, width = info.input_hw or ("H", "W")
        image = float_tensor(INPUT, ["N", 3, height, width])
        outputs = []
        for feature in info.outputs:
            grid: Sequence[int | str] = ()
            if feature.name in (grids or {}):
                grid = (grids or {})[feature.name]
            elif feature.stride is not None and info.input_hw is not None:
                grid = [side // feature.stride for side in info.input_hw]
            elif feature.stride is not None:
                grid = [f"{feature.name}_h", f"{feature.name}_w"]
            outputs.append(float_tensor(feature.name, ["N", feature.channels, *grid]))
        model = self.unnamed_model(info.name, image, outputs, tensors)
        info.write_to(model)
        onnx.checker.check_model(model, full_check=True)
        return model

    def unnamed_model(
        self,
        name: str,
        network_input: onnx.ValueInfoProto,
        outputs: Sequence[onnx.ValueInfoProto],
        tensors: Mapping[str, str],
    ) -> onnx.ModelProto:
        """The model without metadata. tensors: name of an output -> tensor that this graph made."""
        public = {tensor: output for output, tensor in tensors.items()}
        for node in self._nodes:
            for names in (node.input, node.output):
                names[:] = [public.get(tensor, tensor) for tensor in names]
        graph = helper.make_graph(self._nodes, name, [network_input], outputs, self._constants)
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)


def fold_batch_norm(
    kernel: npt.NDArray[np.float64], weights: Weights, prefix: str, eps: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A convolution without bias and the batch norm after it, as one kernel and bias.

    kernel: (out, in / groups, k, k). prefix: of the batch norm's names in `weights`.
    """
    shape = (kernel.shape[0],)
    gamma, beta, mean, var = (
        weights.take(f"{prefix}.{part}", shape)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(var + eps)
    return kernel * scale[:, None, None, None], beta - mean * scale


def float_tensor(name: str, dims: Sequence[int | str]) -> onnx.ValueInfoProto:
    """An input or output of a graph. dims: fixed sides as int, free ones by name."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(dims))
