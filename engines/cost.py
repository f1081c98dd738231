"""What an engine costs at least: the arithmetic of its products, and bytes to be moved."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

from engines.shapes import Tensor, tensors
from inspector.core.errors import EngineError

PRECISIONS: Final = {TensorProto.FLOAT: "float32", TensorProto.FLOAT16: "float16"}

UNCOUNTED: Final = (
    *("Attention", "DeformConv", "Einsum", "GRU", "If", "LSTM", "MultiHeadAttention", "RNN"),
    *("ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul"),
)
"""Operators of the standard with products inside that no engine has needed so far."""


@dataclass(frozen=True, slots=True)
class Cost:
    """flops: of one picture: precision of the operands -> additions and multiplications of
    convolutions and matrix products, two for each multiply-add, as papers count them; all else is
    left out. constant_bytes: weights and banks as stored. picture_bytes: one picture with its map
    and score. These bytes have to be moved even where nothing in between leaves the processor.
    """

    flops: Mapping[str, int]
    constant_bytes: int
    picture_bytes: int

    @property
    def gflop(self) -> float:
        """1e9 operations on one picture, of all precisions."""
        return sum(self.flops.values()) / 1e9


def count(model: ModelProto) -> Cost:
    """Of an engine's graph. Raises EngineError where a product cannot be counted."""
    known = tensors(model, batch=1)
    flops: Counter[str] = Counter()
    for node in model.graph.node:
        if node.op_type in UNCOUNTED or node.domain not in ("", "ai.onnx"):
            raise EngineError(f"the work of its operator {node.op_type} cannot be counted")
        try:
            macs = _multiply_adds(node, known)
        except IndexError as exc:
            raise EngineError(f"its operator {node.op_type} lacks an operand or a side") from exc
        if macs > 0:
            flops[_precision(node, known)] += 2 * macs
    constant_bytes = sum(_bytes(tensor) for tensor in _constants(model))
    ends = [value.name for value in (*model.graph.input, *model.graph.output)]
    picture_bytes = sum(_bytes(_whole(name, known)) for name in ends)
    return Cost(dict(flops), constant_bytes, picture_bytes)


def _multiply_adds(node: NodeProto, known: Mapping[str, Tensor]) -> int:
    def sides(name: str) -> tuple[int, ...]:
        return tuple(side for side in _whole(name, known).sides if side is not None)

    match node.op_type:
        case "Conv":  # weights: out, in / groups, kernel
            return math.prod((*sides(node.output[0]), *sides(node.input[1])[1:]))
        case "ConvTranspose":  # weights: in, out / groups, kernel
            return math.prod((*sides(node.input[0]), *sides(node.input[1])[1:]))
        case "MatMul":
            return math.prod((*sides(node.output[0]), sides(node.input[0])[-1]))
        case "Gemm":
            turned = any(one.name == "transA" and one.i for one in node.attribute)
            return math.prod((*sides(node.output[0]), sides(node.input[0])[0 if turned else 1]))
    return 0


def _precision(node: NodeProto, known: Mapping[str, Tensor]) -> str:
    dtype = known[node.input[0]].dtype
    if dtype not in PRECISIONS:
        name = TensorProto.DataType.Name(dtype)
        raise EngineError(f"the work of its {node.op_type} in {name} cannot be counted")
    return PRECISIONS[dtype]


def _whole(name: str, known: Mapping[str, Tensor]) -> Tensor:
    tensor = known.get(name)
    if tensor is None or None in tensor.sides:
        raise EngineError(f"the size of its tensor {name} does not follow from the graph")
    return tensor


def _constants(model: ModelProto) -> list[Tensor]:
    held = list(model.graph.initializer)
    for node in model.graph.node:
        held += [one.t for one in node.attribute if one.HasField("t")]
    return [Tensor(one.data_type, tuple(one.dims)) for one in held]


def _bytes(tensor: Tensor) -> int:
    dtype: np.dtype[np.generic] = helper.tensor_dtype_to_np_dtype(tensor.dtype)
    return math.prod(side or 0 for side in tensor.sides) * dtype.itemsize
