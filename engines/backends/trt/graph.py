"""Changes the graph of an engine so that TensorRT accepts it."""

import numpy as np
import onnx
from onnx import numpy_helper

PIXELS = "pixels"
FLOATS = "pixels_float32"


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


def _collect_constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """The constants by name, as references and not as copies."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    constants[node.output[0]] = attribute.t
    return constants


def _to_float(tensor: onnx.TensorProto) -> None:
    values = numpy_helper.to_array(tensor).astype(np.float32)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
