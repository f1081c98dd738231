"""The graph of an engine as TensorRT takes it."""

import numpy as np
import onnx
from onnx import numpy_helper

PIXELS = "pixels"
FLOATS = "pixels_float32"


def float_pixels(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose first node casts the pixels, for TensorRT lets nothing but a cast take uint8.

    Engines move bytes first and cast after, which is cheaper on a CPU. Moving and choosing are the
    same in float32, so the constants that meet the pixels before their cast become float32 too.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    del graph.value_info[:]
    constants = _constants(graph)
    bytes_before = {PIXELS}
    for node in graph.node:
        if not bytes_before & set(node.input):
            continue
        for index, name in enumerate(node.input):
            if name == PIXELS:
                node.input[index] = FLOATS
            elif name in constants and constants[name].data_type == onnx.TensorProto.UINT8:
                _to_float(constants[name])
        if node.op_type != "Cast":
            bytes_before.update(node.output)
    cast = onnx.helper.make_node("Cast", [PIXELS], [FLOATS], FLOATS, to=onnx.TensorProto.FLOAT)
    graph.node.insert(0, cast)
    return made


def _constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """The tensors themselves, by the name under which nodes take them."""
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    found[node.output[0]] = attribute.t
    return found


def _to_float(tensor: onnx.TensorProto) -> None:
    values = numpy_helper.to_array(tensor).astype(np.float32)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
