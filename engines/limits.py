"""What an ONNX file may hold: checked before anything it describes is allocated or run.

A file that comes from elsewhere is data, never code, and must not cost more than it weighs.
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto

from engines.shapes import tensors
from inspector.core.errors import SpecError

LARGEST_FILE: Final = (1 << 31) - 1
"""Bytes; protobuf reads no more."""

LARGEST_TENSOR: Final = 1 << 30
"""Values of any tensor that the graph computes of one picture: 4 GB in float32."""

LARGEST_SIDE: Final = 1 << 40

FORBIDDEN: Final = ("Loop", "Scan", "RandomNormal", "RandomUniform", "Multinomial", "Bernoulli")
"""Prefixes of operators that may never end, or never give the same twice."""

MOST_NODES: Final = 1_000_000
"""Nodes of a graph with its functions put in place, which a few functions that call each other
twice would make billions."""

MOST_FUNCTIONS: Final = 200
"""Each may call the next, so this is how deep they nest too."""

_BYTES: Final = {
    TensorProto.FLOAT: 4,
    TensorProto.DOUBLE: 8,
    TensorProto.FLOAT16: 2,
    TensorProto.BFLOAT16: 2,
    TensorProto.INT8: 1,
    TensorProto.INT16: 2,
    TensorProto.INT32: 4,
    TensorProto.INT64: 8,
    TensorProto.UINT8: 1,
    TensorProto.UINT16: 2,
    TensorProto.UINT32: 4,
    TensorProto.UINT64: 8,
    TensorProto.BOOL: 1,
}
"""Type of a constant -> bytes of one value."""

_FIELDS: Final = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")


def check_file(path: Path) -> None:
    """Raises SpecError for a file that is too large to be read; a missing one is left to who reads
    it."""
    if path.is_file() and (size := path.stat().st_size) > LARGEST_FILE:
        raise SpecError(f"{path} has {size / 1e9:.1f} GB; an ONNX file has at most 2.1")


def check_model(path: Path, model: ModelProto) -> None:
    """Raises SpecError for weights outside the file, constants that are not what they state,
    operators that may not end, and tensors too large to be computed. path: for messages."""
    if model.training_info:
        raise SpecError(f"{path} holds instructions for training, which are never run here")
    nodes = [*model.graph.node, *(node for one in model.functions for node in one.node)]
    for tensor in (*_initialisers(model.graph), *_of_nodes(nodes)):
        _check_constant(path, tensor)
    graphs = [model.graph]
    for node in _all_nodes(nodes):
        _check_text(path, (node.op_type, node.domain, node.name, *node.input, *node.output))
        graphs += _graphs(node)
        if node.op_type.startswith(FORBIDDEN):
            raise SpecError(f"{path} holds the operator {node.op_type}, which engines never need")
    for graph in graphs:
        values = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
        _check_text(path, (graph.name, *(value.name for value in values)))
    _check_functions(path, model)
    _check_sizes(path, model)


def _check_functions(path: Path, model: ModelProto) -> None:
    held = {(one.domain, one.name, one.overload): list(one.node) for one in model.functions}
    sizes: dict[tuple[str, str, str], float] = {}

    def size(key: tuple[str, str, str]) -> float:
        if key in held and key not in sizes:
            sizes[key] = math.inf  # where it calls itself
            sizes[key] = total(held[key])
        return sizes.get(key, 1)

    def total(nodes: list[NodeProto]) -> float:
        inner = _all_nodes(nodes)
        return sum(size((one.domain, one.op_type, one.overload)) for one in inner)

    if len(held) > MOST_FUNCTIONS or total(list(model.graph.node)) > MOST_NODES:
        raise SpecError(f"{path} holds functions that call each other without end")


def _check_text(path: Path, texts: Iterable[str]) -> None:
    """protobuf gives bytes where they are not UTF-8. Names are told in messages, where control
    characters would act on the terminal."""
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise SpecError(f"{path} is damaged: it holds names that are not text")


def _initialisers(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)


def _all_nodes(nodes: list[NodeProto]) -> Iterator[NodeProto]:
    """Of a graph and of the graphs inside it, which protobuf nests at most 100 deep."""
    for node in nodes:
        yield node
        for graph in _graphs(node):
            yield from _all_nodes(list(graph.node))


def _graphs(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        yield from attribute.graphs
        if attribute.HasField("g"):
            yield attribute.g


def _of_nodes(nodes: list[NodeProto]) -> Iterator[TensorProto]:
    """All constants of nodes and of the graphs inside them."""
    for node in nodes:
        for attribute in node.attribute:
            yield from _of_attribute(attribute)
        for graph in _graphs(node):
            yield from _initialisers(graph)
            yield from _of_nodes(list(graph.node))


def _of_attribute(attribute: AttributeProto) -> Iterator[TensorProto]:
    yield from attribute.tensors
    if attribute.HasField("t"):
        yield attribute.t
    sparse: list[SparseTensorProto] = list(attribute.sparse_tensors)
    if attribute.HasField("sparse_tensor"):
        sparse.append(attribute.sparse_tensor)
    for one in sparse:
        yield from (one.values, one.indices)


def _check_constant(path: Path, tensor: TensorProto) -> None:
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise SpecError(f"{path} keeps weights in another file; an engine is one file")
    if tensor.data_type not in _BYTES or tensor.HasField("segment"):
        raise SpecError(f"{path} holds a constant of a kind that engines do not have")
    if any(side < 0 or side > LARGEST_SIDE for side in tensor.dims):
        raise SpecError(f"{path} holds a constant with a side that no constant can have")
    count, size = math.prod(tensor.dims), _BYTES[tensor.data_type]
    if tensor.HasField("raw_data"):
        held = len(tensor.raw_data) / size
    else:
        held = sum(len(getattr(tensor, name)) for name in _FIELDS)
    if held != count:
        raise SpecError(f"{path} holds a constant of {held:g} values that states {count}")


def _check_sizes(path: Path, model: ModelProto) -> None:
    """Every tensor whose shape follows from the graph, with a free side counted as 1."""
    try:
        found = tensors(model)
    except SpecError as exc:
        raise SpecError(f"{path}: {exc}") from exc
    for tensor in found.values():
        sides = [max(1, side or 1) for side in tensor.sides]
        if math.prod(sides) > LARGEST_TENSOR:
            raise SpecError(
                f"{path} would compute a tensor of {math.prod(sides):.3g} values of one picture, "
                f"more than {LARGEST_TENSOR:.3g}"
            )
