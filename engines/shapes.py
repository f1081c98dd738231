"""Types and shapes of all that a graph computes, without its weights being copied."""

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
"""What onnx raises where it cannot infer shapes."""

SMALL: Final = 1024
"""Values of constants that may be shapes, and so decide the sizes of others."""

MOST_FOLLOWED: Final = 1 << 17
"""Values of all shapes together that a graph computes of others, each of which takes about 350
bytes while it is followed."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """dtype: of onnx.TensorProto. sides: None for one that does not follow from the graph."""

    dtype: int
    sides: tuple[int | None, ...]


def tensors(model: ModelProto, *, batch: int | None = None) -> dict[str, Tensor]:
    """By name: inputs, constants, and what the nodes make, where its rank follows from the graph.

    batch: first side of what the graph takes; None leaves it as it is. Raises SpecError where the
    shapes contradict each other.
    """
    bones = _skeleton(model)
    if batch is not None:
        given = len(model.graph.input)
        for value in bones.graph.input[:given]:
            value.type.tensor_type.shape.dim[0].dim_value = batch
        for value in bones.graph.output:
            # As stated, it may name a side that is a number now.
            value.type.tensor_type.ClearField("shape")
    found = _inferred(bones, follow_values=False)
    return _inferred(bones, follow_values=True) if _few_followed(bones.graph, found) else found


def _inferred(bones: ModelProto, *, follow_values: bool) -> dict[str, Tensor]:
    """follow_values: also those of tensors that state the shapes of others."""
    try:
        inferred = onnx.shape_inference.infer_shapes(bones, data_prop=follow_values).graph
    except REFUSALS as exc:
        reason = " ".join(str(exc).split())[:200]
        raise SpecError(f"the shapes of its graph contradict each other: {reason}") from exc
    values = (*inferred.input, *inferred.value_info, *inferred.output)
    found = {
        value.name: _tensor(value.type.tensor_type)
        for value in values
        if value.type.tensor_type.HasField("shape")
    }
    constants = {one.name: Tensor(one.data_type, tuple(one.dims)) for one in inferred.initializer}
    return found | constants


def _few_followed(graph: onnx.GraphProto, found: dict[str, Tensor]) -> bool:
    """Whether at most MOST_FOLLOWED values would be followed, by an upper limit; 30 doublings of
    one constant would take all memory. Only vectors and single numbers are followed."""
    lengths = {one.name: math.prod(one.dims) for one in graph.initializer}
    total = 0
    for node in graph.node:
        if any(one.HasField("g") or one.graphs for one in node.attribute):
            return False
        given = [lengths.get(name, 0) for name in node.input]
        longest = sum(given) if node.op_type == "Concat" else max(given, default=0)
        if node.op_type in ("Constant", "Shape"):
            longest = SMALL
        for name in node.output:
            sides = found[name].sides if name in found else (None,)
            if node.op_type == "Range" and sides[0] is None:
                return False
            if len(sides) == 1 and sides[0] is not None:
                longest = sides[0] if node.op_type == "Range" else min(longest, sides[0])
            lengths[name] = longest if len(sides) < 2 else 0
            total += lengths[name]
    return total <= MOST_FOLLOWED


def _tensor(typed: onnx.TypeProto.Tensor) -> Tensor:
    known = [dim.dim_value if dim.HasField("dim_value") else None for dim in typed.shape.dim]
    return Tensor(typed.elem_type, tuple(known))


def _skeleton(model: ModelProto) -> ModelProto:
    """The model with large constants as inputs, which shape inference would copy otherwise."""
    bones = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    bones.functions.extend(model.functions)
    graph = bones.graph
    graph.name = "skeleton"
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    graph.sparse_initializer.extend(model.graph.sparse_initializer)
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) <= SMALL:
            graph.initializer.append(tensor)
        else:
            graph.input.append(_stand_in(tensor.name, tensor))
    for node in model.graph.node:
        constant = node.attribute[0].t if node.op_type == "Constant" and node.attribute else None
        if constant is not None and math.prod(constant.dims) > SMALL and node.output:
            graph.input.append(_stand_in(node.output[0], constant))
        else:
            graph.node.append(node)
    return bones


def _stand_in(name: str, tensor: TensorProto) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, tensor.data_type, list(tensor.dims))
