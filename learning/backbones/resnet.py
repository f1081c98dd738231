"""ResNets of torchvision up to layer3, as graphs.

He et al., "Deep Residual Learning" (CVPR 2016), with the stride of a bottleneck in its 3x3
convolution, as in torchvision; Zagoruyko and Komodakis, "Wide Residual Networks" (2016).
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import onnx

from inspector.core.errors import ConfigError, DataError, EngineError, SinkError, SourceError
from learning import torch_weights
from learning.backbones.feature_graph import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    FeatureGraph,
    Weights,
    fold_batch_norm,
)
from learning.backbones.zoo import BackboneInfo, Feature, backbone_entry
from learning.downloads.fetching import fetch_file

BATCH_NORM_EPS = 1e-5
SIZE_MULTIPLE = 32
STEM = 64
PRETRAINED = "IMAGENET1K_V1"
"""The weights that PatchCore and PaDiM were published with, not torchvision's newer ones."""


@dataclass(frozen=True, slots=True)
class _ResNetShape:
    """blocks: of layer1 to layer3. inner: channels of layer1's 3x3 convolutions, doubled per
    layer. out: channels of layer1's result, doubled per layer."""

    blocks: tuple[int, int, int]
    inner: int
    out: int
    bottleneck: bool


SHAPES = {
    "resnet18": _ResNetShape((2, 2, 2), 64, 64, bottleneck=False),
    "resnet50": _ResNetShape((3, 4, 6), 64, 256, bottleneck=True),
    "wide_resnet50_2": _ResNetShape((3, 4, 6), 128, 256, bottleneck=True),
}


def export(
    name: str, weights_file: Path | None, input_hw: tuple[int, int] | None
) -> onnx.ModelProto:
    """Downloads the weights in torchvision's table if no file is given. Raises ConfigError,
    EngineError."""
    if input_hw is not None:
        raise ConfigError(f"{name} takes any size; leave --size out")
    path = _download(name) if weights_file is None else weights_file
    weights = torch_weights.as_weights(torch_weights.load(path), str(path))
    shape = SHAPES[name]
    info = BackboneInfo(
        name=name,
        outputs=tuple(Feature(f"layer{i + 1}", shape.out << i, 4 << i) for i in range(3)),
        size_multiple=SIZE_MULTIPLE,
        input_hw=None,
        licence=backbone_entry(name).licence,
        origin=path.name if weights_file else f"torchvision {PRETRAINED}, {path.name}",
        weights_sha256=torch_weights.file_sha256(path),
    )
    return build(weights, info, shape)


def build(weights: Weights, info: BackboneInfo, shape: _ResNetShape) -> onnx.ModelProto:
    """weights: named as in torchvision. Raises ConfigError."""
    net = _ResNet(weights, shape.bottleneck)
    x = net.stem()
    tensors, channels = {}, STEM
    for layer, blocks in enumerate(shape.blocks):
        inner, out = shape.inner << layer, shape.out << layer
        for index in range(blocks):
            stride = 2 if layer > 0 and index == 0 else 1
            x = net.block(x, f"layer{layer + 1}.{index}", channels, inner, out, stride)
            channels = out
        tensors[f"layer{layer + 1}"] = x
    return net.graph.model(info, tensors)


class _ResNet:
    def __init__(self, weights: Weights, bottleneck: bool) -> None:
        self.graph = FeatureGraph()
        self._weights = weights
        self._bottleneck = bottleneck

    def stem(self) -> str:
        """(x - mean) / std. The factor is in the kernel. The shift is not, because the padding
        after it must be zeros."""
        x = self.graph.minus_per_channel("image", IMAGENET_MEAN)
        kernel = self._weights.take("conv1.weight", (STEM, 3, 7, 7)) / IMAGENET_STD
        kernel, bias = fold_batch_norm(kernel, self._weights, "bn1", BATCH_NORM_EPS)
        x = self._relu(self.graph.conv(x, kernel, bias, stride=2, pads=(3, 3)))
        return self.graph.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])

    def block(self, x: str, name: str, channels: int, inner: int, out: int, stride: int) -> str:
        shortcut = x
        if stride != 1 or channels != out:
            shape = (out, channels, 1, 1)
            shortcut = self._conv(x, f"{name}.downsample.0", f"{name}.downsample.1", shape, stride)
        if self._bottleneck:
            shapes = [(inner, channels, 1, 1), (inner, inner, 3, 3), (out, inner, 1, 1)]
            strides = [1, stride, 1]
        else:
            shapes = [(inner, channels, 3, 3), (out, inner, 3, 3)]
            strides = [stride, 1]
        for index, (shape, step) in enumerate(zip(shapes, strides, strict=True), start=1):
            x = self._conv(x, f"{name}.conv{index}", f"{name}.bn{index}", shape, step)
            if index < len(shapes):
                x = self._relu(x)
        return self._relu(self.graph.node("Add", x, shortcut))

    def _conv(
        self, x: str, conv: str, norm: str, shape: tuple[int, int, int, int], stride: int
    ) -> str:
        kernel = self._weights.take(f"{conv}.weight", shape)
        kernel, bias = fold_batch_norm(kernel, self._weights, norm, BATCH_NORM_EPS)
        pad = shape[-1] // 2
        return self.graph.conv(x, kernel, bias, stride=stride, pads=(pad, pad))

    def _relu(self, x: str) -> str:
        return self.graph.node("Relu", x)


def _download(name: str) -> Path:
    """The file in the cache of torch. It is downloaded if missing, and checked by its hash."""
    torch, torchvision = torch_weights.library("torch"), torch_weights.library("torchvision")
    url = torchvision.models.get_model_weights(name)[PRETRAINED].url
    filename = Path(urlparse(url).path).name
    path = Path(torch.hub.get_dir()) / "checkpoints" / filename
    prefix = Path(filename).stem.rpartition("-")[2]
    try:
        fetch_file(url, path, sha256=prefix)
    except (SourceError, DataError, SinkError) as exc:
        raise EngineError(
            f"weights of {name}: {exc}; fetch that file by other means and give it with --weights"
        ) from exc
    return path
