"""Vision transformers of the DINO family, for one input size, as graphs.

Dosovitskiy et al., "An Image is Worth 16x16 Words" (ICLR 2021), with LayerScale. DINOv2 (Oquab et
al. 2023) has learned positions; DINOv3 (Simeoni et al. 2025) has register tokens and rotary
positions, which are constants here because the size is fixed. Attention is written out as MatMul
and Softmax. The final LayerNorm is applied to every output, as RAD (ICML 2026) takes them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from inspector.core.errors import ConfigError
from learning import torch_weights
from learning.backbones.feature_graph import IMAGENET_MEAN, IMAGENET_STD, FeatureGraph, Weights
from learning.backbones.vit_positions import learned_positions, rotary
from learning.backbones.zoo import BackboneInfo, Feature, backbone_entry

Array = npt.NDArray[np.float64]

HEAD = 64
"""Channels per attention head, the same in all sizes."""
MLP_RATIO = 4
RAD_BLOCKS = (3, 6, 9, 11)
"""Blocks whose features are outputs: of 12 blocks, counted from 0. Of 24 blocks, those at the same
relative depth."""


@dataclass(frozen=True, slots=True)
class _TransformerShape:
    """timm_id: the name of the pretrained weights on timm's hub. registers: tokens after CLS."""

    timm_id: str
    channels: int
    depth: int
    patch: int
    registers: int
    norm_eps: float


def _v2(size: str, channels: int, depth: int) -> _TransformerShape:
    return _TransformerShape(f"vit_{size}_patch14_dinov2.lvd142m", channels, depth, 14, 0, 1e-6)


def _v3(size: str, channels: int, depth: int) -> _TransformerShape:
    return _TransformerShape(
        f"vit_{size}_patch16_dinov3_qkvb.lvd1689m", channels, depth, 16, 4, 1e-5
    )


SHAPES = {
    "dinov2_vits14": _v2("small", 384, 12),
    "dinov2_vitb14": _v2("base", 768, 12),
    "dinov2_vitl14": _v2("large", 1024, 24),
    "dinov3_vits16": _v3("small", 384, 12),
    "dinov3_vitb16": _v3("base", 768, 12),
    "dinov3_vitl16": _v3("large", 1024, 24),
}


def export(
    name: str, weights_file: Path | None, input_hw: tuple[int, int] | None
) -> onnx.ModelProto:
    """From timm's hub, or a file of timm's or of Meta's. Raises ConfigError, EngineError."""
    shape = SHAPES[name]
    if input_hw is None or any(side % shape.patch for side in input_hw):
        raise ConfigError(
            f"{name} is exported for one size: give --size WxH in multiples of {shape.patch}"
        )
    path = torch_weights.download_timm(shape.timm_id) if weights_file is None else weights_file
    weights = torch_weights.as_weights(torch_weights.load(path), str(path))
    blocks = [(index + 1) * shape.depth // 12 - 1 for index in RAD_BLOCKS]
    grids = (Feature(f"block{index}", shape.channels, shape.patch) for index in blocks)
    info = BackboneInfo(
        name=name,
        outputs=(*grids, Feature("cls", shape.channels, None)),
        size_multiple=shape.patch,
        input_hw=input_hw,
        licence=backbone_entry(name).licence,
        origin=path.name if weights_file else f"timm {shape.timm_id}, {path.name}",
        weights_sha256=torch_weights.file_sha256(path),
    )
    return build(weights, info, shape, blocks, input_hw)


def build(
    weights: Weights,
    info: BackboneInfo,
    shape: _TransformerShape,
    blocks: list[int],
    input_hw: tuple[int, int],
) -> onnx.ModelProto:
    """weights: named as timm or Meta do. blocks: rising, the last one also gives CLS."""
    grid = (input_hw[0] // shape.patch, input_hw[1] // shape.patch)
    net = _Transformer(weights, shape, grid)
    x = net.tokens()
    tensors = {}
    for index in range(blocks[-1] + 1):
        x = net.block(x, f"blocks.{index}")
        if index in blocks:
            normed = net.norm(x, "norm")
            tensors[f"block{index}"] = net.patches(normed)
    tensors["cls"] = net.first_token(normed)
    return net.graph.model(info, tensors)


class _Transformer:
    """x is (N, tokens, channels): CLS, registers, then the patches row by row."""

    def __init__(self, weights: Weights, shape: _TransformerShape, grid: tuple[int, int]) -> None:
        self.graph = FeatureGraph()
        self._weights = weights
        self._shape = shape
        self._grid = grid
        self._prefix = 1 + shape.registers
        self._count = self._prefix + grid[0] * grid[1]
        self._heads_shape = self.graph.integers(0, self._count, shape.channels // HEAD, HEAD)
        self._merged_shape = self.graph.integers(0, self._count, shape.channels)
        self._rotary = self._rotary_constants() if shape.registers else None

    def tokens(self) -> str:
        """CLS and registers, then the patches. Both are padded with zeros and added, so that no
        shape is computed at run time."""
        g, s = self.graph, self._shape
        x = g.minus_per_channel("image", IMAGENET_MEAN)
        kernel = self._weights.take("patch_embed.proj.weight", (s.channels, 3, s.patch, s.patch))
        bias = self._weights.take("patch_embed.proj.bias", (s.channels,))
        x = g.conv(x, kernel / IMAGENET_STD, bias, stride=s.patch, pads=(0, 0))
        x = g.node("Reshape", x, g.integers(0, s.channels, -1))
        x = g.node("Transpose", x, perm=[0, 2, 1])
        x = g.node("Pad", x, g.integers(0, self._prefix, 0, 0, 0, 0))
        return g.node("Add", x, g.floats(self._added_to_tokens()))

    def block(self, x: str, name: str) -> str:
        g = self.graph
        y = self._attention(self.norm(x, f"{name}.norm1"), f"{name}.attn", self._scale(name, 1))
        x = g.node("Add", x, y)
        wide = self._shape.channels * MLP_RATIO
        y = self._linear(self.norm(x, f"{name}.norm2"), *self._pair(f"{name}.mlp.fc1", wide))
        scale = self._scale(name, 2)
        kernel, bias = self._pair(f"{name}.mlp.fc2", self._shape.channels, wide)
        y = self._linear(self._gelu(y), kernel * scale[:, None], bias * scale)
        return g.node("Add", x, y)

    def norm(self, x: str, name: str) -> str:
        parts = (
            self.graph.floats(self._weights.take(f"{name}.{part}", (self._shape.channels,)))
            for part in ("weight", "bias")
        )
        return self.graph.node(
            "LayerNormalization", x, *parts, axis=-1, epsilon=self._shape.norm_eps
        )

    def patches(self, x: str) -> str:
        """(N, channels, h, w)."""
        g = self.graph
        bounds = (self._prefix, self._count, 1)
        x = g.node("Slice", x, *(g.integers(value) for value in bounds[:2]), g.integers(1))
        x = g.node("Transpose", x, perm=[0, 2, 1])
        return g.node("Reshape", x, g.integers(0, self._shape.channels, *self._grid))

    def first_token(self, x: str) -> str:
        """(N, channels)."""
        index = self.graph.constant(np.array(0, dtype=np.int64))
        return self.graph.node("Gather", x, index, axis=1)

    def _added_to_tokens(self) -> Array:
        """(tokens, channels): CLS and registers, and positions if they are learned."""
        channels = self._shape.channels
        added = np.zeros((self._count, channels))
        added[0] = self._weights.take("cls_token", (1, 1, channels))[0, 0]
        if self._shape.registers:
            name = self._weights.first("reg_token", "storage_tokens")
            registers = self._weights.take(name, (1, self._shape.registers, channels))
            added[1 : self._prefix] = registers[0]
            return added
        return added + learned_positions(self._weights, channels, self._grid)

    def _attention(self, x: str, name: str, scale: Array) -> str:
        g = self.graph
        queries, keys, values = (
            self._split_heads(self._linear(x, kernel, bias))
            for kernel, bias in self._query_key_value(name)
        )
        if self._rotary is not None:
            queries, keys = (self._rotate(t, *self._rotary) for t in (queries, keys))
        similar = g.node("MatMul", queries, g.node("Transpose", keys, perm=[0, 1, 3, 2]))
        mixed = g.node("MatMul", g.node("Softmax", similar, axis=-1), values)
        mixed = g.node("Transpose", mixed, perm=[0, 2, 1, 3])
        mixed = g.node("Reshape", mixed, self._merged_shape)
        kernel, bias = self._pair(f"{name}.proj", self._shape.channels)
        return self._linear(mixed, kernel * scale[:, None], bias * scale)

    def _query_key_value(self, name: str) -> list[tuple[Array, Array]]:
        """Kernels (out, in) and biases. 1 / sqrt(HEAD) is in the first. DINOv3's keys have no
        bias: Meta masks it, timm does not store it."""
        channels = self._shape.channels
        kernels = self._weights.take(f"{name}.qkv.weight", (3 * channels, channels))
        biases = np.zeros(3 * channels)
        if f"{name}.qkv.bias" in self._weights:
            biases = self._weights.take(f"{name}.qkv.bias", (3 * channels,))
        elif f"{name}.q_bias" in self._weights:
            biases[:channels] = self._weights.take(f"{name}.q_bias", (channels,))
            biases[2 * channels :] = self._weights.take(f"{name}.v_bias", (channels,))
        if self._shape.registers:
            biases[channels : 2 * channels] = 0
        q, k, v = zip(np.split(kernels, 3), np.split(biases, 3), strict=True)
        return [(q[0] / HEAD**0.5, q[1] / HEAD**0.5), k, v]

    def _split_heads(self, x: str) -> str:
        """(N, tokens, channels) -> (N, heads, tokens, HEAD)."""
        x = self.graph.node("Reshape", x, self._heads_shape)
        return self.graph.node("Transpose", x, perm=[0, 2, 1, 3])

    def _rotary_constants(self) -> tuple[str, str]:
        cos, sin = rotary(self._weights, self._grid, self._prefix, HEAD)
        return self.graph.floats(cos), self.graph.floats(sin)

    def _rotate(self, x: str, cos: str, sin: str) -> str:
        """x * cos + (halves exchanged) * sin, where sin carries the sign."""
        g = self.graph
        low, high = (
            g.node("Slice", x, g.integers(start), g.integers(start + HEAD // 2), g.integers(3))
            for start in (0, HEAD // 2)
        )
        swapped = g.node("Concat", high, low, axis=-1)
        return g.node("Add", g.node("Mul", x, cos), g.node("Mul", swapped, sin))

    def _gelu(self, x: str) -> str:
        """Exact: x / 2 * (1 + erf(x / sqrt 2))."""
        g = self.graph
        error = g.node("Erf", g.node("Div", x, g.scalar(2**0.5)))
        return g.node("Mul", g.node("Mul", x, g.node("Add", error, g.scalar(1))), g.scalar(0.5))

    def _pair(self, name: str, out: int, inner: int | None = None) -> tuple[Array, Array]:
        shape = (out, inner or self._shape.channels)
        return self._weights.take(f"{name}.weight", shape), self._weights.take(
            f"{name}.bias", (out,)
        )

    def _scale(self, block: str, index: int) -> Array:
        """LayerScale's factors, (channels,)."""
        name = self._weights.first(f"{block}.ls{index}.gamma", f"{block}.gamma_{index}")
        return self._weights.take(name, (self._shape.channels,))

    def _linear(self, x: str, kernel: Array, bias: Array) -> str:
        """kernel: (out, in)."""
        product = self.graph.node("MatMul", x, self.graph.floats(kernel.T))
        return self.graph.node("Add", product, self.graph.floats(bias))
