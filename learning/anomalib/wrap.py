"""Puts an export of anomalib into the graph of an engine."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inspector.core.errors import EngineError
from learning.anomalib.graph import MAP, SCORE, Export, inner_graphs, reads
from learning.anomalib.run import View
from learning.graph.assemble import MAX_FILE_BYTES


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """The engine computes (v - zero) / span from a value v of a tensor."""

    tensor: str
    zero: float
    span: float

    def of(self, values: Any) -> Any:
        return (values - self.zero) / self.span


def wrap(
    export: Export,
    view: View,
    scales: Mapping[str, ScoreScale],
    *,
    input_hw: tuple[int, int],
    map_hw: tuple[int, int],
    batch: int | str,
) -> onnx.ModelProto:
    """scales: of MAP, and of SCORE if the export has one; otherwise the score is the highest value
    of the map. Raises EngineError above MAX_FILE_BYTES."""
    model = onnx.ModelProto()
    model.CopyFrom(export.model)
    graph = model.graph
    _keep_only(graph, {scale.tensor for scale in scales.values()})
    # The export may use the names of an engine's outputs for other tensors.
    names = {name: f"anomalib/{name}" for name in ("pixels", "anomaly_map", "score")}
    _rename(graph, names)
    tail = _Nodes(graph, "outputs")
    tensors = {
        name: tail.add_scale(names.get(scale.tensor, scale.tensor), scale)
        for name, scale in scales.items()
    }
    tail.add_reshape(tensors[MAP], (-1, *map_hw), "anomaly_map")
    if SCORE not in tensors:
        planes = tail.add_reshape(tensors[MAP], (-1, 1, *map_hw))
        tensors[SCORE] = tail.add("GlobalMaxPool", planes)
    tail.add_reshape(tensors[SCORE], (-1,), "score")
    head = _Nodes(graph, "picture")
    head.picture(view, names.get(export.input, export.input))
    body = list(graph.node)
    del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend([*head.nodes, *body, *tail.nodes])
    shape = [batch, *input_hw, 3]
    graph.input.append(helper.make_tensor_value_info("pixels", TensorProto.UINT8, shape))
    for name, sizes in (("anomaly_map", map_hw), ("score", ())):
        info = helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, *sizes])
        graph.output.append(info)
    _remove_notes(model)
    if model.ByteSize() > MAX_FILE_BYTES:
        raise EngineError(
            f"the engine of {export.path} would be larger than {MAX_FILE_BYTES / 1e9:.1f} GB, the "
            "limit of an engine: take a smaller backbone or coreset"
        )
    return model


def _keep_only(graph: onnx.GraphProto, outputs: set[str]) -> None:
    """Removes the nodes that these tensors do not need."""
    needed, remaining = set(outputs), []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            remaining.append(node)
            needed.update(reads(node))
    constants = [tensor for tensor in graph.initializer if tensor.name in needed]
    nodes = remaining[::-1]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    def new_names(old: Iterable[str]) -> list[str]:
        return [names.get(name, name) for name in old]

    for tensor in graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)
    for value in graph.output:
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        node.input[:], node.output[:] = new_names(node.input), new_names(node.output)
        for inner in inner_graphs(node):
            _rename(inner, names)


def _remove_notes(model: onnx.ModelProto) -> None:
    """Removes the names of source files and calls that the exporter adds to every node."""
    model.graph.name = "engine"
    del model.metadata_props[:]
    model.ClearField("doc_string")
    model.graph.ClearField("doc_string")
    for node in model.graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]


class _Nodes:
    """Adds nodes. Their operators mean the same in every opset from 11 on, and anomalib writes
    these."""

    def __init__(self, graph: onnx.GraphProto, part: str) -> None:
        self._graph, self._part = graph, part
        self.nodes: list[onnx.NodeProto] = []

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        return self._add_node(op, inputs, self._next_name(), **attributes)

    def add_scale(self, tensor: str, scale: ScoreScale) -> str:
        moved = self.add("Sub", tensor, self._constant(np.float32(scale.zero)))
        return self.add("Div", moved, self._constant(np.float32(scale.span)))

    def add_reshape(self, tensor: str, shape: tuple[int, ...], to: str = "") -> str:
        inputs = [tensor, self._constant(np.array(shape, np.int64))]
        return self._add_node("Reshape", inputs, to or self._next_name())

    def picture(self, view: View, to: str) -> None:
        """Turns `pixels` into the input of the export."""
        planes = self.add("Transpose", "pixels", perm=[0, 3, 1, 2])
        floats = self._add_node("Cast", [planes], self._next_name(), to=TensorProto.FLOAT)
        white = self._constant(np.float32(255))
        if view.whole_hw is None or view.input_hw is None:
            self._add_node("Div", [floats, white], to)
            return
        inside = self.add("Div", floats, white)
        before = view.corner
        sizes = zip(view.whole_hw, view.input_hw, before, strict=True)
        after = [whole - size - at for whole, size, at in sizes]
        pads = self._constant(np.array([0, 0, *before, 0, 0, *after], np.int64))
        self._add_node("Pad", [inside, pads], to)

    def _constant(self, value: Any) -> str:
        name = f"engine/constant/{len(self._graph.initializer)}"
        self._graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def _add_node(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, list(inputs), [output], **attributes))
        return output

    def _next_name(self) -> str:
        return f"engine/{self._part}/{len(self.nodes)}"
