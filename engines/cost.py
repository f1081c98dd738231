"""Counts the arithmetic operations and the bytes that an engine needs for one picture."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

from engines.shapes import Tensor, infer_tensors
from inspector.core.errors import EngineError

PRECISIONS: Final = {TensorProto.FLOAT: "float32", TensorProto.FLOAT16: "float16"}

INT8: Final = "int8"
BYTES: Final = (TensorProto.INT8, TensorProto.UINT8)

UNCOUNTED: Final = (
    *("Attention", "DeformConv", "Einsum", "GRU", "If", "LSTM", "MultiHeadAttention", "RNN"),
    *("ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul"),
)
"""Standard operators with products inside. They are refused, because no engine uses them yet."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The least work that an engine needs.

    flops: precision of the operands -> operations per picture. Only convolutions and matrix
    products count, with two operations per multiply-add, as in papers. constant_bytes: size of the
    stored weights and banks. picture_bytes: size of one picture with its map and score. Even a
    processor that keeps all other values in its cache must move these bytes.
    """

    flops: Mapping[str, int]
    constant_bytes: int
    picture_bytes: int

    @property
    def gflop(self) -> float:
        """Operations per picture in units of 1e9, for all precisions together."""
        return sum(self.flops.values()) / 1e9


def count_cost(model: ModelProto) -> Cost:
    """Counts the work of an engine's graph. Raises EngineError for products it cannot count."""
    known = infer_tensors(model, batch=1)
    whole = {node.output[0] for node in model.graph.node if _restores_bytes(node, known)}
    flops: Counter[str] = Counter()
    for node in model.graph.node:
        if node.op_type in UNCOUNTED or node.domain not in ("", "ai.onnx"):
            raise EngineError(f"the work of the operator {node.op_type} cannot be counted")
        try:
            macs = _multiply_adds(node, known)
        except IndexError as exc:
            raise EngineError(
                f"the operator {node.op_type} lacks an operand or a dimension"
            ) from exc
        if macs > 0:
            precision = INT8 if whole.issuperset(node.input[:2]) else _precision(node, known)
            flops[precision] += 2 * macs
    constant_bytes = sum(_bytes(tensor) for tensor in _constants(model))
    ends = [value.name for value in (*model.graph.input, *model.graph.output)]
    picture_bytes = sum(_bytes(_tensor_of_known_size(name, known)) for name in ends)
    return Cost(dict(flops), constant_bytes, picture_bytes)


def _multiply_adds(node: NodeProto, known: Mapping[str, Tensor]) -> int:
    def sides(name: str) -> tuple[int, ...]:
        return tuple(side for side in _tensor_of_known_size(name, known).sides if side is not None)

    match node.op_type:
        case "Conv":  # weights: out, in / groups, kernel
            return math.prod((*sides(node.output[0]), *sides(node.input[1])[1:]))
        case "ConvTranspose":  # weights: in, out / groups, kernel
            return math.prod((*sides(node.input[0]), *sides(node.input[1])[1:]))
        case "MatMul":
            return math.prod((*sides(node.output[0]), sides(node.input[0])[-1]))
        case "Gemm":
            is_transposed = any(item.name == "transA" and item.i for item in node.attribute)
            summed = sides(node.input[0])[0 if is_transposed else 1]
            return math.prod((*sides(node.output[0]), summed))
    return 0


def _restores_bytes(node: NodeProto, known: Mapping[str, Tensor]) -> bool:
    """A runtime computes products of such values with their bytes."""
    return node.op_type == "DequantizeLinear" and known[node.input[0]].dtype in BYTES


def _precision(node: NodeProto, known: Mapping[str, Tensor]) -> str:
    dtype = known[node.input[0]].dtype
    if dtype not in PRECISIONS:
        name = TensorProto.DataType.Name(dtype)
        raise EngineError(f"the work of the operator {node.op_type} in {name} cannot be counted")
    return PRECISIONS[dtype]


def _tensor_of_known_size(name: str, known: Mapping[str, Tensor]) -> Tensor:
    tensor = known.get(name)
    if tensor is None or None in tensor.sides:
        raise EngineError(f"the size of the tensor {name} does not follow from the graph")
    return tensor


def _constants(model: ModelProto) -> list[Tensor]:
    constants = list(model.graph.initializer)
    for node in model.graph.node:
        constants += [attribute.t for attribute in node.attribute if attribute.HasField("t")]
    return [Tensor(constant.data_type, tuple(constant.dims)) for constant in constants]


def _bytes(tensor: Tensor) -> int:
    dtype: np.dtype[np.generic] = helper.tensor_dtype_to_np_dtype(tensor.dtype)
    return math.prod(side or 0 for side in tensor.sides) * dtype.itemsize
