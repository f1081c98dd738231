"""Infers the types and shapes of all tensors of a graph without copying its weights."""

import math
from dataclasses import dataclass
from typing import Final

import onnx
from google.protobuf.message import EncodeError  # type: ignore[import-untyped]
from onnx import ModelProto, TensorProto

from inspector.core.errors import SpecError

REFUSALS: Final = (
    *(onnx.shape_inference.InferenceError, onnx.checker.ValidationError),
    *(EncodeError, ValueError, RuntimeError),
)
"""Exceptions that onnx raises if it cannot infer shapes."""

SMALL: Final = 1024
"""Largest number of values in a constant that may be a shape of another tensor."""

MAX_FOLLOWED: Final = 1 << 17
"""Largest number of values in all computed shapes together. Shape inference needs about 350 bytes
for each value."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """dtype: of onnx.TensorProto. sides: dimensions; None for a dimension that is unknown."""

    dtype: int
    sides: tuple[int | None, ...]


def infer_tensors(model: ModelProto, *, batch: int | None = None) -> dict[str, Tensor]:
    """Tensors by name: inputs, constants, and all outputs of nodes whose rank is known.

    batch: first dimension of the inputs; None keeps the stored one. Raises SpecError if shapes
    contradict each other.
    """
    skeleton = _make_skeleton(model)
    if batch is not None:
        for value in skeleton.graph.input[: len(model.graph.input)]:
            value.type.tensor_type.shape.dim[0].dim_value = batch
        for value in skeleton.graph.output:
            # The stored shape may have a name for a dimension that is a number now.
            value.type.tensor_type.ClearField("shape")
    tensors = _infer(skeleton, follow_values=False)
    if _needs_little_memory(skeleton.graph, tensors):
        return _infer(skeleton, follow_values=True)
    return tensors


def _infer(skeleton: ModelProto, *, follow_values: bool) -> dict[str, Tensor]:
    """follow_values: also compute the values of tensors that are shapes of other tensors."""
    try:
        inferred = onnx.shape_inference.infer_shapes(skeleton, data_prop=follow_values).graph
    except REFUSALS as exc:
        reason = " ".join(str(exc).split())[:200]
        raise SpecError(f"the shapes in the graph contradict each other: {reason}") from exc
    values = (*inferred.input, *inferred.value_info, *inferred.output)
    tensors = {
        value.name: _tensor(value.type.tensor_type)
        for value in values
        if value.type.tensor_type.HasField("shape")
    }
    constants = {c.name: Tensor(c.data_type, tuple(c.dims)) for c in inferred.initializer}
    return tensors | constants


def _needs_little_memory(graph: onnx.GraphProto, tensors: dict[str, Tensor]) -> bool:
    """Whether shape inference would compute at most MAX_FOLLOWED values.

    Doubling a constant 30 times would otherwise use all memory. The count is an upper limit.
    Shape inference computes values of vectors and single numbers only.
    """
    lengths = {constant.name: math.prod(constant.dims) for constant in graph.initializer}
    total = 0
    for node in graph.node:
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            return False
        inputs = [lengths.get(name, 0) for name in node.input]
        longest = sum(inputs) if node.op_type == "Concat" else max(inputs, default=0)
        if node.op_type in ("Constant", "Shape"):
            longest = SMALL
        for name in node.output:
            sides = tensors[name].sides if name in tensors else (None,)
            if node.op_type == "Range" and sides[0] is None:
                return False
            if len(sides) == 1 and sides[0] is not None:
                longest = sides[0] if node.op_type == "Range" else min(longest, sides[0])
            lengths[name] = longest if len(sides) < 2 else 0
            total += lengths[name]
    return total <= MAX_FOLLOWED


def _tensor(typed: onnx.TypeProto.Tensor) -> Tensor:
    known = [dim.dim_value if dim.HasField("dim_value") else None for dim in typed.shape.dim]
    return Tensor(typed.elem_type, tuple(known))


def _make_skeleton(model: ModelProto) -> ModelProto:
    """Replaces large constants by inputs, because shape inference would copy the constants."""
    skeleton = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    skeleton.functions.extend(model.functions)
    graph = skeleton.graph
    graph.name = "skeleton"
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    graph.sparse_initializer.extend(model.graph.sparse_initializer)
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) <= SMALL:
            graph.initializer.append(tensor)
        else:
            graph.input.append(_input_like(tensor.name, tensor))
    for node in model.graph.node:
        constant = node.attribute[0].t if node.op_type == "Constant" and node.attribute else None
        if constant is not None and math.prod(constant.dims) > SMALL and node.output:
            graph.input.append(_input_like(node.output[0], constant))
        else:
            graph.node.append(node)
    return skeleton


def _input_like(name: str, tensor: TensorProto) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, tensor.data_type, list(tensor.dims))
