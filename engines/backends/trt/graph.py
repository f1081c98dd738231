"""Changes the graph of an engine so that TensorRT accepts it."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, helper, numpy_helper

from inspector.core.errors import EngineError

PIXELS = "pixels"
FLOATS = "pixels_float32"

ROUNDING = ("QuantizeLinear", "DequantizeLinear")
WIDER = np.float32(255 / 127)
"""Steps of int8 by those of uint8 with the zero point 0 that have the same largest value."""


def float_pixels(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns a copy whose first node casts the pixels to float32.

    In TensorRT only a cast may read uint8. Engines rearrange the bytes first and cast later, which
    is faster on a CPU. Rearranging and selecting give the same result in float32, so uint8
    constants that are used together with the pixels become float32 as well.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    del graph.value_info[:]
    constants = _collect_constants(graph)
    byte_tensors = {PIXELS}
    for node in graph.node:
        if not byte_tensors & set(node.input):
            continue
        for index, name in enumerate(node.input):
            if name == PIXELS:
                node.input[index] = FLOATS
            elif name in constants and constants[name].data_type == onnx.TensorProto.UINT8:
                _to_float(constants[name])
        if node.op_type != "Cast":
            byte_tensors.update(node.output)
    cast = onnx.helper.make_node("Cast", [PIXELS], [FLOATS], FLOATS, to=onnx.TensorProto.FLOAT)
    graph.node.insert(0, cast)
    return copy


def make_symmetric(graph: onnx.GraphProto) -> None:
    """Changes the rounding nodes of an int8 engine in place: TensorRT rounds to int8 with the zero
    point 0 only.

    Activations of an engine are uint8 with the zero point 128 or 0 (learning.quantising.backbone).
    With 128 the values stay the same. With 0 they get wider steps behind a Relu, so that they have
    7 bits in place of 8. A bias of int32 becomes float32. Raises EngineError for another zero
    point.
    """
    constants = _collect_constants(graph)
    nodes = [each for node in graph.node for each in _make_symmetric(node, constants)]
    del graph.node[:]
    graph.node.extend(nodes)


def _make_symmetric(
    node: NodeProto, constants: Mapping[str, onnx.TensorProto]
) -> tuple[NodeProto, ...]:
    if node.op_type not in ROUNDING or not all(each in constants for each in node.input[1:]):
        return (node,)
    scale, zero = (numpy_helper.to_array(constants[name]) for name in node.input[1:])
    if zero.dtype == np.int32:
        whole = numpy_helper.to_array(constants[node.input[0]])
        return (_constant(node.output[0], whole.astype(np.float32) * scale),)
    if zero.dtype != np.uint8:
        return (node,)
    point, stored = int(zero), constants.get(node.input[0])
    if point not in (0, 128) or (stored is not None and point == 0):
        needed = "0 or 128" if stored is None else "128"
        raise EngineError(f"{node.op_type} {node.name} has the zero point {point}, not {needed}")
    name, source = node.output[0], node.input[0]
    if stored is not None and stored.data_type == onnx.TensorProto.UINT8:
        _to_signed(stored)
    before = [
        _constant(f"{name}_steps", scale if point else scale * WIDER),
        _constant(f"{name}_zero", np.zeros(zero.shape, np.int8)),
    ]
    if node.op_type == "QuantizeLinear" and not point:
        before.append(helper.make_node("Relu", [source], [f"{name}_positive"], f"{name}_positive"))
        source = f"{name}_positive"
    node.input[:] = [source, f"{name}_steps", f"{name}_zero"]
    return (*before, node)


def _constant(name: str, values: npt.NDArray[np.generic]) -> NodeProto:
    return helper.make_node("Constant", [], [name], name, value=numpy_helper.from_array(values))


def _collect_constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """The constants by name, as references and not as copies."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    constants[node.output[0]] = attribute.t
    return constants


def _to_signed(tensor: onnx.TensorProto) -> None:
    """Codes with the zero point 128 -> the same values with the zero point 0."""
    values = (numpy_helper.to_array(tensor) ^ 128).view(np.int8)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _to_float(tensor: onnx.TensorProto) -> None:
    values = numpy_helper.to_array(tensor).astype(np.float32)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
