"""Makes a copy of a backbone file that computes with whole numbers of 8 bits (int8).

Pairs of QuantizeLinear and DequantizeLinear nodes say which tensors are rounded (QDQ), so every
runtime can read the file.

- Weights have 7 bits, from -64 to 64. CPUs without VNNI add two products in 16 bits, which is too
  few for weights of 8 bits: they would give other results. Weights of depthwise convolutions have 8
  bits, because onnxruntime adds their products in 32 bits.
- Activations are unsigned, with the zero point 0 or 128, so that they can be made symmetric for
  TensorRT (engines.backends.trt.graph).
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto

from engines.spec_fields import Quantisation
from inspector.core.arrays import Image
from inspector.core.errors import EngineError
from inspector.core.names import names_hash
from learning.backbones.features import FeatureExtractor, Features
from learning.backbones.zoo import INPUT, BackboneInfo, describe
from learning.checking import alter_pictures
from learning.graph.assemble import cut_backbone
from learning.normals import Normals, spread

PRODUCTS: Final = ("Conv", "Gemm", "MatMul")
BETWEEN: Final = ("Add", "Clip", "Relu", "MaxPool")
"""Quantised too, so that values stay whole numbers from one product to the next."""

CALIBRATION: Final = 24
"""Most pictures that the ranges of the activations are taken from."""

MEASURED: Final = 6
"""Altered pictures on which the error of the features is measured."""

MOST_FLOAT: Final = 4
"""Most layers that stay float32. They are the first ones, which have few channels, so int8 gains
little time there. A single float32 layer between others would not help: onnxruntime quantises its
weights when it loads the graph, with one scale for all channels."""

NEAR_LEAST: Final = 1.1
"""Fewer layers stay float32 if the error is larger by at most this factor."""


def quantise_backbone(
    path: Path, layers: Sequence[str], normals: Normals, out: Path, *, seed: int, threads: int
) -> Quantisation:
    """Writes `out`, an int8 copy of a backbone file that has the outputs `layers` only.

    normals: good pictures as the backbone sees them. Returns how it was quantised, without a band.
    Raises EngineError if the backbone has no product with constant weights.
    """
    info = describe(path)
    info = dataclasses.replace(info, outputs=tuple(map(info.output, layers)))
    chosen = spread(len(normals.names), CALIBRATION)
    with TemporaryDirectory() as place:
        quantiser = _Quantiser(Path(place), path, info, normals.pixels[chosen])
        pictures = alter_pictures(normals.pixels, MEASURED, seed)
        errors = _measure_errors(quantiser, pictures, threads)
        count = next(n for n, error in enumerate(errors) if error <= NEAR_LEAST * min(errors))
        quantiser.quantise(count, out)
    return Quantisation(
        weights="int8",
        activations="uint8",
        calibration="minmax",
        pictures=len(chosen),
        pictures_sha256=names_hash(normals.names[index] for index in chosen),
        per_channel=True,
        reduce_range=True,
        nodes=len(quantiser.products) - count,
        float_layers=tuple(quantiser.products[:count]),
        parameters={"feature_error": errors[count], "feature_errors": errors},
    )


def _measure_errors(quantiser: "_Quantiser", pixels: Image, threads: int) -> list[float]:
    """Relative error of the features if none, one, two ... of the first layers stay float32."""

    def extract(path: Path) -> Features:
        with FeatureExtractor(path, layers=None, threads=threads) as extractor:
            return extractor.extract(pixels)

    right = extract(quantiser.source)
    trial = quantiser.source.with_name("trial.onnx")
    errors = []
    for count in range(min(MOST_FLOAT + 1, len(quantiser.products))):
        quantiser.quantise(count, trial)
        errors.append(_relative_error(extract(trial), right))
    return errors


def _relative_error(features: Features, right: Features) -> float:
    """Root mean square of the difference by that of the features, the mean over the layers."""
    shares = [
        np.linalg.norm(features[name] - values) / (np.linalg.norm(values) or 1.0)
        for name, values in right.items()
    ]
    return float(np.mean(shares))


class _Quantiser:
    """Quantises a backbone as often as needed; the ranges are measured once.

    source: the float32 file. products: names of the nodes that can be quantised, in their order.
    """

    def __init__(self, place: Path, path: Path, info: BackboneInfo, pixels: Image) -> None:
        trunk = cut_backbone(path, tuple(output.name for output in info.outputs))
        _name_nodes(trunk.graph)
        info.write_to(trunk)
        weights = {each.name: tuple(each.dims) for each in trunk.graph.initializer}
        products = [node for node in trunk.graph.node if _is_product(node, weights)]
        if not products:
            raise EngineError(f"backbone {path} has no products that int8 could make faster")
        self.products = [node.name for node in products]
        self.source = place / "float32.onnx"
        self._others = [
            node.name
            for node in trunk.graph.node
            if node.op_type in PRODUCTS and node.name not in self.products
        ]
        self._depthwise = [
            node.input[1] for node in products if _is_depthwise(node, weights[node.input[1]])
        ]
        self._ranges = place / "ranges.json"
        self._pixels = pixels
        onnx.save(trunk, self.source)

    def quantise(self, count: int, out: Path) -> None:
        """The first `count` products stay float32."""
        from onnxruntime import quantization

        # With its preparation, of which only the shapes are needed, the quantizer does not warn.
        prepared = self.source.with_name("prepared.onnx")
        quantization.quant_pre_process(
            self.source, prepared, skip_optimization=True, skip_symbolic_shape=True
        )
        whole = {
            "quant_type": quantization.QuantType.QInt8,
            "axis": 0,
            "symmetric": True,
            "reduce_range": False,
        }
        quantization.quantize_static(
            prepared,
            out,
            _Pictures(self._pixels),
            op_types_to_quantize=[*PRODUCTS, *BETWEEN],
            nodes_to_exclude=[*self.products[:count], *self._others],
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            calibration_cache_path=self._ranges,
            extra_options={
                "ActivationRestrictedAsymmetric": True,
                "TensorQuantOverrides": {name: [dict(whole)] for name in self._depthwise},
            },
        )


class _Pictures:
    """Gives the pictures one at a time, as onnxruntime's CalibrationDataReader does."""

    def __init__(self, pixels: Image) -> None:
        self._pictures = iter(pixels)

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        picture = next(self._pictures, None)
        if picture is None:
            return None
        planes = np.ascontiguousarray(picture.transpose(2, 0, 1)[np.newaxis])
        return {INPUT: planes.astype(np.float32) * np.float32(1 / 255)}


def _name_nodes(graph: onnx.GraphProto) -> None:
    """Numbers the nodes of each operator in their order: Conv1, Conv2, Add1."""
    counts: dict[str, int] = {}
    for node in graph.node:
        counts[node.op_type] = counts.get(node.op_type, 0) + 1
        node.name = f"{node.op_type}{counts[node.op_type]}"


def _is_product(node: NodeProto, weights: dict[str, tuple[int, ...]]) -> bool:
    return node.op_type in PRODUCTS and node.input[1] in weights


def _is_depthwise(node: NodeProto, weight: tuple[int, ...]) -> bool:
    groups = next((each.i for each in node.attribute if each.name == "group"), 1)
    return node.op_type == "Conv" and groups == weight[0] > 1
