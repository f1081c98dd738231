"""Large constants of a graph. They are put into the model after spox has built it.

spox copies a constant about ten times: it runs every node that reads constants, and gives them to
the shape inference as text. A bank of 100 MB took 1 GB and five seconds. So spox sees only an input
of the same type, which becomes a Constant node afterwards.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import spox
import spox.opset.ai.onnx.v17 as op
from spox import Var

LARGE: Final = 1 << 20
"""Bytes. spox handles smaller constants itself, which also lets it infer shapes from them."""

_current: ContextVar["LargeConstants | None"] = ContextVar("large constants", default=None)


@dataclass(frozen=True, slots=True)
class LargeConstants:
    """The large constants of a graph that is being made. inputs: name -> input of the graph that
    replaces the constant until `build`."""

    inputs: dict[str, Var] = field(default_factory=dict)
    values: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def add(self, values: npt.NDArray[Any]) -> Var:
        name = f"large_constant_{len(self.values)}"
        self.values[name] = values
        self.inputs[name] = spox.argument(spox.Tensor(values.dtype, values.shape))
        return self.inputs[name]

    def build(self, inputs: Mapping[str, Var], outputs: Mapping[str, Var]) -> onnx.ModelProto:
        """The model with these inputs and outputs, and with the constants as nodes."""
        model = spox.build({**inputs, **self.inputs}, dict(outputs))
        graph = model.graph
        for value in [value for value in graph.input if value.name in self.values]:
            graph.input.remove(value)
        # Nodes must come before those that read them, and protobuf only adds at the end.
        graph.node.reverse()
        for name, values in self.values.items():
            _fill(graph.node.add(op_type="Constant", name=name, output=[name]), values)
        graph.node.reverse()
        return model


@contextmanager
def collect_large() -> Iterator[LargeConstants]:
    """Within it, `constant` collects large constants. The model must then be built by them."""
    constants = LargeConstants()
    token = _current.set(constants)
    try:
        yield constants
    finally:
        _current.reset(token)


def constant(values: npt.NDArray[Any]) -> Var:
    """A constant of the graph. The array must not change before the graph is built."""
    constants = _current.get()
    if constants is None or values.nbytes < LARGE:
        return op.const(np.ascontiguousarray(values))
    return constants.add(values)


def ints(*values: int) -> Var:
    """An int64 constant with one axis: shapes, axes, bounds."""
    return op.const(np.array(values, np.int64))


def _fill(node: onnx.NodeProto, values: npt.NDArray[Any]) -> None:
    """Writes the values into the node itself: a tensor made elsewhere would be copied into it."""
    attribute = node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR)
    attribute.t.dims.extend(values.shape)
    attribute.t.data_type = onnx.helper.np_dtype_to_tensor_dtype(values.dtype)
    attribute.t.raw_data = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
