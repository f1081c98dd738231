"""Rewrites an engine's graph so that the marked parts are computed or stored in float16.

Networks of TensorRT are strongly typed, and OpenVINO and onnxruntime follow the graph too. So the
file of an engine decides its precision. See learning.graph.half_marks for the marks.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

from inspector.core.errors import EngineError
from learning.graph.half_marks import HALF

PRODUCTS: Final = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Always in half precision if the graph allows it: these operators take most of the time."""

FOLLOWERS: Final = (
    *("Add", "Sub", "Mul", "Relu", "LeakyRelu", "PRelu", "Clip", "Sigmoid", "HardSigmoid"),
    *("HardSwish", "Tanh", "Erf", "Gelu", "MaxPool", "Concat", "Split", "Slice", "Pad", "Gather"),
    *("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Expand"),
)
"""In half precision after a product; alone they are not worth a cast. Means, softmax, powers, roots
and normalisations are in neither table and stay in float32."""

LARGEST: Final = float(np.finfo(np.float16).max)


def halve_graph(model: ModelProto) -> ModelProto:
    """A copy of an engine's graph, without metadata. Raises EngineError for a graph without
    marks, and for a weight that does not fit float16."""
    if not any(node.doc_string == HALF for node in model.graph.node):
        raise EngineError(
            "the engine's graph marks nothing for half precision: its method has no such part, or "
            "it was imported, or an older version made it; then fit it again"
        )
    rewriting = _Rewriting(model)
    for node in model.graph.node:
        rewriting.add(node)
    done = ModelProto()
    done.CopyFrom(model)
    del done.metadata_props[:], done.graph.node[:], done.graph.value_info[:]
    done.graph.node.extend(rewriting.finish(model.graph))
    return done


class _Rewriting:
    """One pass over the nodes, in their order. Each float tensor has one home precision, and a copy
    in the other one is made if a node needs it."""

    def __init__(self, model: ModelProto) -> None:
        self._opset = max(e.version for e in model.opset_import if e.domain in ("", "ai.onnx"))
        self._constants: dict[str, NodeProto] = {}
        self._half: set[str] = set()
        self._copies: dict[str, str] = {}
        self._nodes: list[NodeProto] = []
        self._taken = {name for node in model.graph.node for name in (*node.output, *node.input)}
        self._stored_half = set(_behind_casts(model.graph))
        if model.graph.initializer:
            raise EngineError(
                "the engine's graph has initialisers, which this program never writes"
            )

    def add(self, node: NodeProto) -> None:
        copy = NodeProto()
        copy.CopyFrom(node)
        if any(a.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for a in node.attribute):
            raise EngineError(f"{node.op_type} with graphs inside cannot be converted")
        if _is_float_constant(node):
            if node.output[0] in self._stored_half:
                _store_half(copy)
            else:
                self._constants[node.output[0]] = node
        elif half := self._runs_half(node):
            self._take(copy, _same_type(node, self._opset), half=half)
            self._half.update(_typed_outputs(node, self._opset))
        else:
            self._take(copy, range(len(node.input)), half=half)
        self._nodes.append(copy)

    def finish(self, graph: GraphProto) -> list[NodeProto]:
        """All nodes except constants that no node reads any more."""
        for value in graph.output:
            if value.name in self._half:
                raise EngineError(f"the engine's {value.name} would be in half precision")
        read = {name for node in self._nodes for name in node.input}
        return [n for n in self._nodes if n.op_type != "Constant" or n.output[0] in read]

    def _runs_half(self, node: NodeProto) -> bool:
        if node.doc_string != HALF:
            return False
        if node.op_type in PRODUCTS:
            return True
        behind = any(name in self._half for name in node.input)
        return node.op_type in FOLLOWERS and behind

    def _take(self, node: NodeProto, indices: Iterable[int], *, half: bool) -> None:
        for index in indices:
            name = node.input[index]
            if name and (name in self._half) != half:
                node.input[index] = self._copy(name, half=half)

    def _copy(self, name: str, *, half: bool) -> str:
        if name not in self._copies:
            other = self._unused_name(f"{name}_{'half' if half else 'float'}")
            if name in self._constants:
                node = NodeProto()
                node.CopyFrom(self._constants[name])
                node.output[0] = other
                if node.name:
                    node.name = other
                _store_half(node)
            else:
                to = TensorProto.FLOAT16 if half else TensorProto.FLOAT
                node = onnx.helper.make_node("Cast", [name], [other], name=other, to=to)
            self._nodes.append(node)
            self._copies[name] = other
        return self._copies[name]

    def _unused_name(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


def _behind_casts(graph: GraphProto) -> Iterable[str]:
    """Tensors that are only read by casts to float32."""
    cast: set[str] = set()
    other = {value.name for value in graph.output}
    for node in graph.node:
        to_float = node.op_type == "Cast" and node.attribute[0].i == TensorProto.FLOAT
        (cast if to_float else other).update(node.input)
    return cast - other


def _is_float_constant(node: NodeProto) -> bool:
    return (
        node.op_type == "Constant"
        and node.attribute[0].name == "value"
        and node.attribute[0].t.data_type == TensorProto.FLOAT
    )


def _store_half(constant: NodeProto) -> None:
    values = numpy_helper.to_array(constant.attribute[0].t)
    finite = np.where(np.isfinite(values), np.abs(values), 0.0)
    if finite.size and finite.max() > LARGEST:
        raise EngineError(
            f"a weight of {float(finite.max()):g} does not fit float16, which ends at {LARGEST:g}"
        )
    constant.attribute[0].t.CopyFrom(numpy_helper.from_array(values.astype(np.float16)))


def _same_type(node: NodeProto, opset: int) -> list[int]:
    """Inputs whose type is that of the first output: not shapes, indices and the like."""
    schema = onnx.defs.get_schema(node.op_type, opset)
    formal = [schema.inputs[min(i, len(schema.inputs) - 1)] for i in range(len(node.input))]
    return [i for i, entry in enumerate(formal) if entry.type_str == schema.outputs[0].type_str]


def _typed_outputs(node: NodeProto, opset: int) -> list[str]:
    """Outputs of the type of the first one: not the indices of a pooling."""
    schema = onnx.defs.get_schema(node.op_type, opset)
    formal = [schema.outputs[min(i, len(schema.outputs) - 1)] for i in range(len(node.output))]
    return [
        name
        for name, parameter in zip(node.output, formal, strict=True)
        if name and parameter.type_str == schema.outputs[0].type_str
    ]
