"""Reads an ONNX file that anomalib 2.x exported: its interface, its resizing, its normalisation."""

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import checker, external_data_helper, numpy_helper

from engines.spec import SPEC_KEY
from engines.spec_file import NOT_ONNX
from inspector.core.errors import ConfigError
from learning.graph.assemble import MAX_FILE_BYTES

MAP: Final = "anomaly_map"
SCORE: Final = "pred_score"
LABEL: Final = {MAP: "pred_mask", SCORE: "pred_label"}
"""Output -> the output that holds its comparison with anomalib's threshold."""

HOW: Final = "engine.export(model, ExportType.ONNX, input_size=(height, width)) of anomalib"
GEOMETRIC: Final = ("Resize", "Slice")
PASSING: Final = ("Reshape", "Identity")


@dataclass(frozen=True, slots=True)
class Normalisation:
    """anomalib's (raw - threshold) / span + 0.5, clipped to [0, 1]; span: highest minus lowest
    value among its validation pictures. raw: the tensor before it. flat: these values were all
    equal, so the result is 0 below the threshold, 0.5 at it and 1 above it."""

    raw: str
    threshold: float
    span: float
    flat: bool


@dataclass(frozen=True, slots=True)
class Export:
    """An exported model with all weights inside.

    input_hw: None if the graph takes any size. one_by_one: its batch is fixed at 1. seen: the
    tensor after resizing and cropping, or the input if it does neither. outputs: MAP and SCORE, as
    far as the export has them -> tensor. normalised: the outputs whose normalisation is known.
    name: of the model in anomalib, such as "patchcore"; empty if the file does not say. limits:
    output -> threshold that anomalib compares it with.
    """

    path: Path
    model: onnx.ModelProto
    input: str
    input_hw: tuple[int, int] | None
    one_by_one: bool
    seen: str
    outputs: tuple[str, ...]
    normalised: Mapping[str, Normalisation]
    limits: Mapping[str, float]
    name: str


def read_export(path: Path) -> Export:
    """Raises ConfigError for any other file. The error says what to do instead."""
    model = _load(path)
    graph = model.graph
    taken, input_hw, batch = _input(path, model)
    outputs = _outputs(path, model)
    values = _Values(graph)
    normalised = {name: values.normalisation(name) for name in outputs}
    limits = {name: values.limit(name, LABEL[name]) for name in outputs}
    return Export(
        path=path,
        model=model,
        input=taken,
        input_hw=input_hw,
        one_by_one=batch == 1,
        seen=_find_seen(graph, taken),
        outputs=outputs,
        normalised={name: value for name, value in normalised.items() if value is not None},
        limits={name: value for name, value in limits.items() if value is not None},
        name=_model_name(graph),
    )


def _load(path: Path) -> onnx.ModelProto:
    if path.is_dir():
        raise ConfigError(f"model {path} is a folder; name the ONNX file in it")
    if not path.is_file():
        raise ConfigError(f"model {path} does not exist")
    if path.suffix in (".xml", ".bin"):
        raise ConfigError(f"{path} is an export for OpenVINO; make one for ONNX: {HOW}")
    if path.suffix in (".pt", ".pth", ".ckpt") or zipfile.is_zipfile(path):
        raise ConfigError(f"{path} is a file of torch, not ONNX; export it first: {HOW}")
    try:
        model = onnx.load(path, load_external_data=False)
    except NOT_ONNX as exc:
        raise ConfigError(f"{path} is not a whole ONNX file; make one: {HOW}") from exc
    except OSError as exc:
        raise ConfigError(f"model {path} cannot be read: {exc.strerror}") from exc
    if not model.graph.node:
        raise ConfigError(f"{path} is not a whole ONNX file; make one: {HOW}")
    if any(entry.key == SPEC_KEY for entry in model.metadata_props):
        raise ConfigError(
            f"{path} is an engine already: use it as it is, or print it with `line-inspector "
            f"show-engine {path}`"
        )
    return _with_weights(path, model)


def _with_weights(path: Path, model: onnx.ModelProto) -> onnx.ModelProto:
    """Adds the weights that the exporter wrote to a separate file."""
    beside = {
        entry.value
        for tensor in model.graph.initializer
        for entry in tensor.external_data
        if entry.key == "location"
    }
    total = path.stat().st_size
    for name in sorted(beside):
        if not (path.parent / name).is_file():
            raise ConfigError(f"{path} needs its weights file {name} in the same folder")
        total += (path.parent / name).stat().st_size
    if total > MAX_FILE_BYTES:
        raise ConfigError(
            f"{path} holds {total / 1e9:.2f} GB, above the limit of {MAX_FILE_BYTES / 1e9:.1f} GB "
            "of an engine: take a smaller backbone or coreset"
        )
    try:
        _refuse_short(path.parent, model)
        external_data_helper.load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, checker.ValidationError) as exc:
        reason = str(exc).strip().partition("\n")[0]
        raise ConfigError(f"the weights beside {path} cannot be read: {reason}") from exc
    return model


def _refuse_short(folder: Path, model: onnx.ModelProto) -> None:
    """Raises ValueError for a file that is too short; onnx below 1.21 reads it without an error."""
    for tensor in filter(external_data_helper.uses_external_data, model.graph.initializer):
        info = external_data_helper.ExternalDataInfo(tensor)
        if (info.offset or 0) + (info.length or 0) > (folder / info.location).stat().st_size:
            raise ValueError(f"{info.location} ends before {tensor.name} does")


def _input(path: Path, model: onnx.ModelProto) -> tuple[str, tuple[int, int] | None, int]:
    """Name, size (None: any) and batch (0: any)."""
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1:
        names = [value.name for value in inputs]
        raise ConfigError(f"{path} takes {names}; an export of anomalib takes one picture only")
    tensor = inputs[0].type.tensor_type
    sizes = [dim.dim_value for dim in tensor.shape.dim]
    kind = onnx.TensorProto.DataType.Name(tensor.elem_type)
    if tensor.elem_type != onnx.TensorProto.FLOAT or len(sizes) != 4 or sizes[1] not in (0, 3):
        raise ConfigError(
            f"{path} takes {kind} of shape {sizes}; an export of anomalib takes float32 pictures "
            "(N, 3, height, width)"
        )
    if sizes[0] > 1:
        raise ConfigError(
            f"{path} takes exactly {sizes[0]} pictures at a time: export it with batch 1 or a free "
            "batch"
        )
    if bool(sizes[2]) != bool(sizes[3]):
        raise ConfigError(f"{path} fixes one side of its pictures only; fix both or none: {HOW}")
    return inputs[0].name, (sizes[2], sizes[3]) if sizes[2] else None, sizes[0]


def _outputs(path: Path, model: onnx.ModelProto) -> tuple[str, ...]:
    names = [value.name for value in model.graph.output]
    if MAP not in names:
        why = "such a model cannot show where a defect is" if SCORE in names else "make one: " + HOW
        raise ConfigError(f"{path} gives {names} and no {MAP}: {why}")
    return (MAP, SCORE) if SCORE in names else (MAP,)


def _find_seen(graph: onnx.GraphProto, taken: str) -> str:
    """The tensor after the resizing and cropping at the start of anomalib's pre-processor."""
    current = seen = taken
    while True:
        readers = [n for n in graph.node if current in reads(n) and n.op_type != "Shape"]
        if len(readers) != 1 or readers[0].op_type not in GEOMETRIC + PASSING:
            return seen
        current = readers[0].output[0]
        if readers[0].op_type in GEOMETRIC:
            seen = current


def reads(node: onnx.NodeProto) -> Iterator[str]:
    """The tensors that a node reads, including those that graphs inside it read."""
    yield from node.input
    for inner in inner_graphs(node):
        yield from (value.name for value in inner.output)
        for below in inner.node:
            yield from reads(below)


def inner_graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs inside a node: If, Loop and Scan have them."""
    for attribute in node.attribute:
        yield from attribute.graphs
        if attribute.HasField("g"):
            yield attribute.g


def _model_name(graph: onnx.GraphProto) -> str:
    """Reads the name from the notes that torch's exporter adds to every node."""
    for node in graph.node:
        for entry in node.metadata_props:
            if match := re.search(r"anomalib\.models\.image\.(\w+)\.", entry.value):
                return match[1]
    return ""


class _Values:
    """Follows an output back through the last steps of anomalib."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._makers = {name: node for node in graph.node for name in node.output}
        self._constants = {tensor.name: tensor for tensor in graph.initializer}

    def normalisation(self, output: str) -> Normalisation | None:
        """None if the output has no normalisation of the form that Normalisation describes."""
        chosen, left = self._follow_choices(output)
        return self._chain(chosen, flat=False) or self._chain(left, flat=True)

    def _chain(self, name: str, *, flat: bool) -> Normalisation | None:
        added = self._operand(self._within_unit(name), "Add", 0.5)
        if added is None:
            return None
        # The exporter leaves out a division by 1 and a subtraction of 0.
        divided, span = self._by_constant(added, "Div")
        raw, threshold = self._by_constant(divided or added, "Sub")
        span = 1.0 if divided is None else span
        if not span > 0:
            return None
        if raw is None:
            return Normalisation(divided or added, 0.0, span, flat)
        return Normalisation(raw, threshold, span, flat)

    def limit(self, output: str, label: str) -> float | None:
        node = self._makers.get(label)
        if node is None or node.op_type != "Greater" or node.input[0] != output:
            return None
        return self._number(node.input[1])

    def _follow_choices(self, name: str) -> tuple[str, str]:
        """The tensor that `name` equals after all choices with a constant condition, and the tensor
        that the last of these choices does not take (empty if there is none)."""
        left = ""
        while (node := self._makers.get(name)) is not None:
            if node.op_type == "Identity":
                name = node.input[0]
            elif node.op_type == "Where" and (choice := self._number(node.input[0])) is not None:
                name, left = node.input[1:] if choice else node.input[:0:-1]
            else:
                break
        return name, left

    def _within_unit(self, name: str) -> str | None:
        """The tensor that is clipped to [0, 1] by Clip, or by Min and Max in either order."""
        node = self._makers.get(name)
        if node is not None and node.op_type == "Clip" and len(node.input) == 3:
            bounds = tuple(map(self._number, node.input[1:]))
            return node.input[0] if bounds == (0.0, 1.0) else None
        for first, low, second, high in (("Min", 1.0, "Max", 0.0), ("Max", 0.0, "Min", 1.0)):
            inner = self._operand(self._operand(name, first, low), second, high)
            if inner is not None:
                return inner
        return None

    def _operand(self, name: str | None, op: str, constant: float) -> str | None:
        other, position = self._by_constant(name, op)
        return other if position == constant else None

    def _by_constant(self, name: str | None, op: str) -> tuple[str | None, float]:
        """The other operand of `op` and its constant; (None, nan) if it is not one."""
        node = None if name is None else self._makers.get(name)
        if node is not None and node.op_type == op and len(node.input) == 2:
            for index, other in ((0, 1), (1, 0)) if op in ("Add", "Min", "Max") else ((0, 1),):
                if (value := self._number(node.input[other])) is not None:
                    return node.input[index], value
        return None, float("nan")

    def _number(self, name: str) -> float | None:
        """The value of a constant with one element."""
        tensor, node = self._constants.get(name), self._makers.get(name)
        if tensor is None and node is not None and node.op_type == "Constant":
            tensor = next((a.t for a in node.attribute if a.name == "value"), None)
        if tensor is None:
            return None
        array = numpy_helper.to_array(tensor)
        return float(array.ravel()[0]) if array.size == 1 and np.isfinite(array).all() else None
