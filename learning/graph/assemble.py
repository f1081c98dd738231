"""Joins a backbone, a head and a spec into one engine file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnx.version_converter
import spox
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx.utils import Extractor
from spox import Var

from engines.spec_file import graph_hash
from inspector.core.arrays import Mask
from inspector.core.errors import EngineError
from learning.graph.half_marks import mark_half
from learning.graph.pixels import image

MAX_FILE_BYTES: Final = 1_500_000_000
"""Far enough below protobuf's 2 GiB that every tool can still read and rewrite the file."""

HEAD_OPSET: Final = 17
"""Of the operators in this package: old enough for TensorRT 8.6, and backbones of ours have it."""

BACKBONE_INPUT: Final = "image"

Head = Callable[[Mapping[str, Var]], tuple[Var, Var]]
"""Backbone outputs -> anomaly map (N, H, W) and score (N,)."""


def build_graph(
    backbone: Path,
    layers: tuple[str, ...],
    head: Head,
    *,
    input_hw: tuple[int, int],
    map_hw: tuple[int, int],
    inside: Mask | None = None,
) -> tuple[onnx.ModelProto, str]:
    """The engine's graph without metadata, and its hash.

    layers: the backbone's outputs that the head takes; what only others need is cut away.
    inside: (H, W) of input_hw, pixels that may be seen. Raises EngineError above MAX_FILE_BYTES.
    """
    trunk = mark_half(cut_backbone(backbone, layers))
    pixels = spox.argument(spox.Tensor(np.uint8, ("N", *input_hw, 3)))
    outputs = spox.inline(trunk)(image(pixels, inside))
    anomaly_map, score = _at_opset(head, {name: outputs[name] for name in layers}, trunk)
    model = spox.build({"pixels": pixels}, {"anomaly_map": anomaly_map, "score": score})
    _fix_shapes(model, {"anomaly_map": map_hw, "score": ()})
    model.graph.name = "engine"
    size = model.ByteSize()
    if size > MAX_FILE_BYTES:
        raise EngineError(
            f"the engine would take {size / 1e9:.2f} GB, above the limit of "
            f"{MAX_FILE_BYTES / 1e9:.1f} GB: use a smaller bank or backbone"
        )
    return model, graph_hash(model)


def _at_opset(head: Head, features: Mapping[str, Var], trunk: onnx.ModelProto) -> tuple[Var, Var]:
    """The head on a backbone of any opset.

    A newer backbone would make spox lift every node of the head by itself, and the constants that
    this adds all get the same names; lifted as one model they do not.
    """
    opset = max(entry.version for entry in trunk.opset_import if entry.domain in ("", "ai.onnx"))
    if opset <= HEAD_OPSET:
        return head(features)
    arguments = {name: spox.argument(var.unwrap_tensor()) for name, var in features.items()}
    anomaly_map, score = head(arguments)
    alone = spox.build(arguments, {"anomaly_map": anomaly_map, "score": score})
    lifted = spox.inline(onnx.version_converter.convert_version(alone, opset))(**features)
    return lifted["anomaly_map"], lifted["score"]


def cut_backbone(backbone: Path, layers: tuple[str, ...]) -> onnx.ModelProto:
    """The part of a backbone file that its outputs `layers` need. Raises EngineError."""
    try:
        model = onnx.load(backbone)
    except (OSError, DecodeError) as exc:
        raise EngineError(f"backbone {backbone} cannot be read: {exc}") from exc
    inputs = [value.name for value in model.graph.input]
    known = [value.name for value in model.graph.output]
    if inputs != [BACKBONE_INPUT]:
        raise EngineError(f"backbone {backbone} must have the one input image, not {inputs}")
    for layer in layers:
        if layer not in known:
            raise EngineError(f"backbone {backbone} has no output {layer}; it has {known}")
    if set(layers) == set(known):
        return model
    return Extractor(model).extract_model([BACKBONE_INPUT], list(layers))


def _fix_shapes(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """States the shapes of the outputs, which inference leaves open behind a reshape."""
    for value in model.graph.output:
        shape = value.type.tensor_type.shape
        shape.Clear()
        shape.dim.add().dim_param = "N"
        for size in shapes[value.name]:
            shape.dim.add().dim_value = size
