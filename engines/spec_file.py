"""Reading and writing the spec inside an engine file, and the hashes that tie the two together."""

import hashlib
from pathlib import Path
from typing import Final

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from engines import limits
from engines.spec import SPEC_KEY, EngineSpec
from inspector.core.errors import EngineError, SpecError
from inspector.core.files import write_whole

SPEC_HASH_KEY: Final = "inspector_spec_sha256"
"""Metadata key of the sha256 of the spec's text, so that a flipped bit in it is seen."""

NOT_ONNX: Final = (DecodeError, UnicodeDecodeError)
"""What onnx raises for content that is no whole ONNX file."""


def read_spec(path: Path) -> EngineSpec:
    """The spec of an engine file, checked against its graph; no session is created.

    Raises SpecError for a file that is missing, truncated, altered, or no engine.
    """
    return read_engine(path)[0]


def read_engine(path: Path) -> tuple[EngineSpec, onnx.ModelProto]:
    """The spec and the graph that it belongs to; refusals as for read_spec."""
    model = _parse(path, _content(path))
    return _check_spec(path, model), model


def read_checked(path: Path) -> tuple[EngineSpec, bytes]:
    """The spec and the content of an engine file that was checked: a runtime that opens these bytes
    does not open a file that was put in its place since. Refusals as for read_spec."""
    content = _content(path)
    return _check_spec(path, _parse(path, content)), content


def _check_spec(path: Path, model: onnx.ModelProto) -> EngineSpec:
    texts = {entry.key: entry.value for entry in model.metadata_props}
    if SPEC_KEY not in texts:
        raise SpecError(
            f"{path} is an ONNX file without an engine spec: make an engine with "
            "`line-inspector fit`"
        )
    text = texts[SPEC_KEY]
    if not isinstance(text, str):  # protobuf gives bytes where they are not UTF-8
        raise SpecError(f"{path} is damaged: its spec does not match its checksum")
    if texts.get(SPEC_HASH_KEY) != hashlib.sha256(text.encode()).hexdigest():
        raise SpecError(f"{path} is damaged: its spec does not match its checksum")
    try:
        spec = EngineSpec.from_json(text)
    except SpecError as exc:
        raise SpecError(f"{path}: {exc}") from exc
    # After the spec: a newer format may allow other graphs, and is refused as newer.
    limits.check_model(path, model)
    if graph_hash(model) != spec.graph_hash:
        raise SpecError(f"{path} is damaged: its graph is not the one that its spec describes")
    _check_graph(path, spec, model)
    return spec


def _content(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise SpecError(f"engine file {path} is not a file")
    limits.check_file(path)
    try:
        return path.read_bytes()
    except FileNotFoundError as exc:
        raise SpecError(f"engine file {path} does not exist") from exc
    except OSError as exc:
        raise SpecError(f"engine file {path} cannot be read: {exc}") from exc


def _parse(path: Path, content: bytes) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(content)
    except NOT_ONNX as exc:
        raise SpecError(f"{path} is not a whole ONNX file: truncated or damaged") from exc
    if not model.graph.node:
        raise SpecError(f"{path} is not a whole ONNX file: it holds no graph")
    return model


def _check_graph(path: Path, spec: EngineSpec, model: onnx.ModelProto) -> None:
    """Refuses a graph without the inputs and outputs of formats 1 and 2 in the spec's sizes."""
    uint8, float32 = onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT
    wanted = {
        "pixels": (model.graph.input, uint8, [*spec.resize.input_hw, 3]),
        "anomaly_map": (model.graph.output, float32, [*spec.map_hw]),
        "score": (model.graph.output, float32, []),
    }
    if (inputs := {value.name for value in model.graph.input}) != {"pixels"}:
        raise SpecError(f"{path}: its graph must take pixels only, not {sorted(inputs)}")
    for name, (values, dtype, dims) in wanted.items():
        found = [value for value in values if value.name == name]
        if not found:
            raise SpecError(f"{path}: its graph lacks {name}")
        tensor = found[0].type.tensor_type
        sizes = [dim.dim_value for dim in tensor.shape.dim]
        if tensor.elem_type != dtype or sizes[1:] != dims:
            kind = onnx.TensorProto.DataType.Name(tensor.elem_type)
            raise SpecError(
                f"{path}: {name} of its graph is {kind} of shape {sizes[1:]} per picture, "
                f"but its spec says {onnx.TensorProto.DataType.Name(dtype)} of {dims}"
            )


def graph_hash(model: onnx.ModelProto) -> str:
    """sha256 of the model without its metadata."""
    # Taken off and put back: a copy would take the memory of the weights once more.
    kept = list(model.metadata_props)
    del model.metadata_props[:]
    try:
        return hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()
    finally:
        model.metadata_props.extend(kept)


def file_hash(path: Path) -> str:
    """sha256 of a file, for reports. Raises SpecError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise SpecError(f"engine file {path} cannot be read: {exc}") from exc


def write_engine(path: Path, model: onnx.ModelProto, spec: EngineSpec) -> None:
    """Writes graph and spec as one file, whole or not at all; other metadata is dropped.

    Raises SpecError where the spec belongs to another graph, EngineError where the disk fails.
    """
    if graph_hash(model) != spec.graph_hash:
        raise SpecError("the spec describes another graph than the one to be written")
    text = spec.to_json()
    checksum = hashlib.sha256(text.encode()).hexdigest()
    onnx.helper.set_model_props(model, {SPEC_KEY: text, SPEC_HASH_KEY: checksum})
    write_whole(path, model.SerializeToString(), "engine file ", EngineError)
