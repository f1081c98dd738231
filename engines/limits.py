"""Checks an ONNX file from an unknown source before anything in it is allocated or run.

Such a file is data, never code. It must not be able to use much more memory than its own size.
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto

from engines.shapes import infer_tensors
from inspector.core.errors import SpecError

LARGEST_FILE: Final = (1 << 31) - 1
"""Bytes; protobuf cannot read larger files."""

LARGEST_TENSOR: Final = 1 << 30
"""Largest number of values in a tensor that the graph computes for one picture: 4 GB in float32."""

LARGEST_SIDE: Final = 1 << 40

FORBIDDEN: Final = ("Loop", "Scan", "RandomNormal", "RandomUniform", "Multinomial", "Bernoulli")
"""Prefixes of operators that may run forever or give random results."""

MAX_NODES: Final = 1_000_000
"""Largest number of nodes after all function calls are expanded. A chain of 30 functions that call
the next one twice would already give a billion nodes."""

MAX_FUNCTIONS: Final = 200
"""Each function may call the next one, so this also limits how deep calls are nested."""

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
"""Type of a constant -> bytes per value."""

_FIELDS: Final = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")


def check_file(path: Path) -> None:
    """Raises SpecError for a file that is too large. A missing file raises nothing here."""
    if path.is_file() and (size := path.stat().st_size) > LARGEST_FILE:
        raise SpecError(f"{path} has {size / 1e9:.1f} GB; an ONNX file has at most 2.1 GB")


def check_model(path: Path, model: ModelProto) -> None:
    """Checks everything that a graph holds. path: for messages.

    Raises SpecError for weights in another file, constants whose data and shape disagree, operators
    that may run forever, and tensors that are too large.
    """
    if model.training_info:
        raise SpecError(f"{path} holds instructions for training, which an engine must not have")
    nodes = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    for tensor in (*_initialisers(model.graph), *_node_constants(nodes)):
        _check_constant(path, tensor)
    graphs = [model.graph]
    for node in _all_nodes(nodes):
        _check_text(path, (node.op_type, node.domain, node.name, *node.input, *node.output))
        graphs += _graphs(node)
        if node.op_type.startswith(FORBIDDEN):
            raise SpecError(
                f"{path} holds the operator {node.op_type}, which an engine must not have"
            )
    for graph in graphs:
        values = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
        _check_text(path, (graph.name, *(value.name for value in values)))
    _check_functions(path, model)
    _check_sizes(path, model)


def _check_functions(path: Path, model: ModelProto) -> None:
    bodies = {(f.domain, f.name, f.overload): list(f.node) for f in model.functions}
    sizes: dict[tuple[str, str, str], float] = {}

    def size(key: tuple[str, str, str]) -> float:
        if key in bodies and key not in sizes:
            sizes[key] = math.inf  # for a function that calls itself
            sizes[key] = total(bodies[key])
        return sizes.get(key, 1)

    def total(nodes: list[NodeProto]) -> float:
        inner = _all_nodes(nodes)
        return sum(size((node.domain, node.op_type, node.overload)) for node in inner)

    if len(bodies) > MAX_FUNCTIONS or total(list(model.graph.node)) > MAX_NODES:
        raise SpecError(f"{path} holds too many functions, or functions that call each other")


def _check_text(path: Path, texts: Iterable[str]) -> None:
    """Raises SpecError for names that are not printable text.

    protobuf returns bytes for names that are not UTF-8. Names appear in messages, and control
    characters in them would change the terminal.
    """
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise SpecError(f"{path} is damaged: it holds names that are not text")


def _initialisers(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)


def _all_nodes(nodes: list[NodeProto]) -> Iterator[NodeProto]:
    """Nodes of a graph and of all graphs inside it. protobuf allows at most 100 levels."""
    for node in nodes:
        yield node
        for graph in _graphs(node):
            yield from _all_nodes(list(graph.node))


def _graphs(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        yield from attribute.graphs
        if attribute.HasField("g"):
            yield attribute.g


def _node_constants(nodes: list[NodeProto]) -> Iterator[TensorProto]:
    """All constants of nodes and of the graphs inside them."""
    for node in nodes:
        for attribute in node.attribute:
            yield from _attribute_constants(attribute)
        for graph in _graphs(node):
            yield from _initialisers(graph)
            yield from _node_constants(list(graph.node))


def _attribute_constants(attribute: AttributeProto) -> Iterator[TensorProto]:
    yield from attribute.tensors
    if attribute.HasField("t"):
        yield attribute.t
    sparse: list[SparseTensorProto] = list(attribute.sparse_tensors)
    if attribute.HasField("sparse_tensor"):
        sparse.append(attribute.sparse_tensor)
    for tensor in sparse:
        yield from (tensor.values, tensor.indices)


def _check_constant(path: Path, tensor: TensorProto) -> None:
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise SpecError(f"{path} keeps weights in another file; an engine must be a single file")
    if tensor.data_type not in _BYTES or tensor.HasField("segment"):
        raise SpecError(f"{path} holds a constant of a type that an engine must not have")
    if any(side < 0 or side > LARGEST_SIDE for side in tensor.dims):
        raise SpecError(f"{path} holds a constant with an impossible dimension")
    count, size = math.prod(tensor.dims), _BYTES[tensor.data_type]
    if tensor.HasField("raw_data"):
        stored = len(tensor.raw_data) / size
    else:
        stored = sum(len(getattr(tensor, name)) for name in _FIELDS)
    if stored != count:
        raise SpecError(
            f"{path} holds a constant with {stored:g} values, but its shape has {count}"
        )


def _check_sizes(path: Path, model: ModelProto) -> None:
    """Raises SpecError for a tensor that is too large. An unknown dimension counts as 1."""
    try:
        tensors = infer_tensors(model)
    except SpecError as exc:
        raise SpecError(f"{path}: {exc}") from exc
    for tensor in tensors.values():
        sides = [max(1, side or 1) for side in tensor.sides]
        if math.prod(sides) > LARGEST_TENSOR:
            raise SpecError(
                f"{path} would compute a tensor of {math.prod(sides):.3g} values for one picture, "
                f"more than the limit of {LARGEST_TENSOR:.3g}"
            )
