"""Types and shapes of all that a graph computes, without its weights being copied."""

import math
from dataclasses import dataclass
from typing import Final

import onnx
from google.protobuf.message import EncodeError  # type: ignore[import-untyped]
from onnx import ModelProto, TensorProto

from inspector.core.errors import SpecError

SMALL: Final = 1024
"""Values of constants that may be shapes, and so decide the sizes of others."""


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
    try:
        inferred = onnx.shape_inference.infer_shapes(bones, data_prop=True).graph
    except (onnx.shape_inference.InferenceError, EncodeError, ValueError, RuntimeError) as exc:
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
