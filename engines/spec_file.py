"""Reads and writes engine files: the graph, its spec, and the hashes that protect both."""

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
"""Metadata key of the sha256 of the spec's text, to detect a damaged spec."""

NOT_ONNX: Final = (DecodeError, UnicodeDecodeError)
"""Exceptions that onnx raises for content that is not a whole ONNX file."""


def read_spec(path: Path) -> EngineSpec:
    """Reads the spec of an engine file and checks it against the graph, without running it.

    Raises SpecError for a file that is missing, truncated, altered, or not an engine.
    """
    return read_engine(path)[0]


def read_engine(path: Path) -> tuple[EngineSpec, onnx.ModelProto]:
    """Reads the spec and the graph of an engine file. Raises SpecError, see read_spec."""
    model = _parse(path, _content(path))
    return _check_spec(path, model), model


def read_checked(path: Path) -> tuple[EngineSpec, bytes]:
    """Reads the spec and the content of an engine file. Raises SpecError, see read_spec.

    A runtime should open these bytes and not the path, because the file at the path may have been
    replaced after the check.
    """
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
    if not isinstance(text, str):  # protobuf returns bytes for text that is not UTF-8
        raise SpecError(f"{path} is damaged: its spec does not match its checksum")
    if texts.get(SPEC_HASH_KEY) != hashlib.sha256(text.encode()).hexdigest():
        raise SpecError(f"{path} is damaged: its spec does not match its checksum")
    try:
        spec = EngineSpec.from_json(text)
    except SpecError as exc:
        raise SpecError(f"{path}: {exc}") from exc
    # Checked after the spec: a newer format may allow other graphs, and the error must say that
    # the format is newer.
    limits.check_model(path, model)
    if graph_hash(model) != spec.graph_hash:
        raise SpecError(f"{path} is damaged: its graph does not match the hash in its spec")
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
        raise SpecError(f"{path} is not a whole ONNX file: it is truncated or damaged") from exc
    if not model.graph.node:
        raise SpecError(f"{path} is not a whole ONNX file: it holds no graph")
    return model


def _check_graph(path: Path, spec: EngineSpec, model: onnx.ModelProto) -> None:
    """Raises SpecError if inputs or outputs of the graph differ from the format and the spec."""
    uint8, float32 = onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT
    expected = {
        "pixels": (model.graph.input, uint8, [*spec.resize.input_hw, 3]),
        "anomaly_map": (model.graph.output, float32, [*spec.map_hw]),
        "score": (model.graph.output, float32, []),
    }
    if (inputs := {value.name for value in model.graph.input}) != {"pixels"}:
        raise SpecError(f"{path}: the only input of the graph must be pixels, not {sorted(inputs)}")
    for name, (values, dtype, dims) in expected.items():
        matches = [value for value in values if value.name == name]
        if not matches:
            raise SpecError(f"{path}: the graph has no output {name}")
        tensor = matches[0].type.tensor_type
        sizes = [dim.dim_value for dim in tensor.shape.dim]
        if tensor.elem_type != dtype or sizes[1:] != dims:
            kind = onnx.TensorProto.DataType.Name(tensor.elem_type)
            raise SpecError(
                f"{path}: {name} of the graph is {kind} of shape {sizes[1:]} per picture, "
                f"but the spec says {onnx.TensorProto.DataType.Name(dtype)} of {dims}"
            )


def graph_hash(model: onnx.ModelProto) -> str:
    """sha256 of the model without its metadata."""
    # Removed and put back: a copy of the model would need twice the memory.
    metadata = list(model.metadata_props)
    del model.metadata_props[:]
    try:
        return hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()
    finally:
        model.metadata_props.extend(metadata)


def file_hash(path: Path) -> str:
    """sha256 of a file, for reports. Raises SpecError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise SpecError(f"engine file {path} cannot be read: {exc}") from exc


def write_engine(
    path: Path, model: onnx.ModelProto, spec: EngineSpec, *, sync: bool = True
) -> None:
    """Writes graph and spec as one file, completely or not at all. Other metadata is dropped.
    sync: see write_whole.

    Raises SpecError if the spec belongs to another graph, EngineError if the file cannot be
    written.
    """
    if graph_hash(model) != spec.graph_hash:
        raise SpecError("the spec belongs to another graph; its graph_hash does not match")
    text = spec.to_json()
    checksum = hashlib.sha256(text.encode()).hexdigest()
    onnx.helper.set_model_props(model, {SPEC_KEY: text, SPEC_HASH_KEY: checksum})
    write_whole(path, model.SerializeToString(), "engine file ", EngineError, sync=sync)
