"""Joins the features and the head of a method into the graph of an engine."""

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
from learning.graph.constants import LargeConstants, collect_large
from learning.graph.pixels import image

MAX_FILE_BYTES: Final = 1_500_000_000
"""Far enough below protobuf's 2 GiB that every tool can still read and rewrite the file."""

GRAPH_OPSET: Final = 17
"""Version of the ONNX operators in this package: old enough for TensorRT 8.6."""

BACKBONE_INPUT: Final = "image"

Trunk = Callable[[Var], Mapping[str, Var]]
"""Image (N, 3, H, W) float32 RGB in [0, 1] -> features by name."""

Head = Callable[[Mapping[str, Var]], tuple[Var, Var]]
"""Features by name -> anomaly map (N, H, W) and score (N,)."""


def build_graph(
    trunk: Trunk,
    head: Head,
    *,
    opset: int,
    input_hw: tuple[int, int],
    map_hw: tuple[int, int],
    inside: Mask | None = None,
) -> tuple[onnx.ModelProto, str]:
    """The engine's graph without metadata, and its hash.

    opset: of the operators in the trunk. inside: (H, W) of input_hw, the pixels that may be seen.
    Raises EngineError above MAX_FILE_BYTES.
    """
    pixels = spox.argument(spox.Tensor(np.uint8, ("N", *input_hw, 3)))
    with collect_large() as constants:
        anomaly_map, score = _at_opset(head, trunk(image(pixels, inside)), opset, constants)
    model = constants.build({"pixels": pixels}, {"anomaly_map": anomaly_map, "score": score})
    _fix_shapes(model, {"anomaly_map": map_hw, "score": ()})
    model.graph.name = "engine"
    size = model.ByteSize()
    if size > MAX_FILE_BYTES:
        raise EngineError(
            f"the engine would take {size / 1e9:.2f} GB, above the limit of "
            f"{MAX_FILE_BYTES / 1e9:.1f} GB: use a smaller bank or backbone"
        )
    return model, graph_hash(model)


def model_opset(model: onnx.ModelProto) -> int:
    """Version of the standard ONNX operators in a model."""
    return max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))


def _at_opset(
    head: Head, features: Mapping[str, Var], opset: int, constants: LargeConstants
) -> tuple[Var, Var]:
    """The head on features of any opset.

    spox lifts every node of the head to a newer opset separately, and gives all constants that this
    adds the same name. So the head is lifted as one model.
    """
    if opset <= GRAPH_OPSET:
        return head(features)
    arguments = {name: spox.argument(var.unwrap_tensor()) for name, var in features.items()}
    anomaly_map, score = head(arguments)
    inputs = arguments | constants.inputs
    alone = spox.build(inputs, {"anomaly_map": anomaly_map, "score": score})
    lifted = spox.inline(onnx.version_converter.convert_version(alone, opset))(
        **features, **constants.inputs
    )
    return lifted["anomaly_map"], lifted["score"]


def cut_backbone(backbone: Path, layers: tuple[str, ...]) -> onnx.ModelProto:
    """The part of a backbone file that its outputs `layers` need. Raises EngineError for a file
    that is no backbone or lacks a layer."""
    try:
        model = onnx.load(backbone)
    except (OSError, DecodeError) as exc:
        raise EngineError(f"backbone {backbone} cannot be read: {exc}") from exc
    inputs = [value.name for value in model.graph.input]
    known = [value.name for value in model.graph.output]
    if inputs != [BACKBONE_INPUT]:
        raise EngineError(f"backbone {backbone} must have one input named image, not {inputs}")
    for layer in layers:
        if layer not in known:
            raise EngineError(f"backbone {backbone} has no output {layer}; it has {known}")
    if set(layers) == set(known):
        return model
    return Extractor(model).extract_model([BACKBONE_INPUT], list(layers))


def _fix_shapes(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Writes the shapes of the outputs: shape inference does not find them after a reshape."""
    for value in model.graph.output:
        shape = value.type.tensor_type.shape
        shape.Clear()
        shape.dim.add().dim_param = "N"
        for size in shapes[value.name]:
            shape.dim.add().dim_value = size
