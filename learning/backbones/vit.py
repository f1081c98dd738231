"""Vision transformers of the DINO family, for one input size, as graphs.

Dosovitskiy et al., "An Image is Worth 16x16 Words" (ICLR 2021), with LayerScale. DINOv2 (Oquab et
al. 2023) has learned positions; DINOv3 (Simeoni et al. 2025) has register tokens and rotary
positions, which are constants here because the size is fixed. The final LayerNorm is applied to
every output, as RAD (ICML 2026) takes them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from inspector.core.errors import ConfigError
from learning import torch_weights
from learning.backbones.feature_graph import IMAGENET_MEAN, IMAGENET_STD, FeatureGraph, Weights
from learning.backbones.transformer import Array, TransformerGraph
from learning.backbones.vit_positions import learned_positions, rotary
from learning.backbones.zoo import BackboneInfo, Feature, backbone_entry

HEAD = 64
"""Channels per attention head, the same in all sizes."""
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


class _Transformer(TransformerGraph):
    """The tokens are CLS, registers, then the patches row by row."""

    def __init__(self, weights: Weights, shape: _TransformerShape, grid: tuple[int, int]) -> None:
        super().__init__(
            FeatureGraph(),
            weights,
            channels=shape.channels,
            heads=shape.channels // HEAD,
            norm_eps=shape.norm_eps,
        )
        self._shape = shape
        self._grid = grid
        self._first_patch = 1 + shape.registers
        self._count = self._first_patch + grid[0] * grid[1]
        self._angles = self._rotary_constants() if shape.registers else None

    def tokens(self) -> str:
        """CLS and registers, then the patches. Both are padded with zeros and added, so that no
        shape is computed at run time."""
        g, s = self.graph, self._shape
        x = g.minus_per_channel("image", IMAGENET_MEAN)
        kernel = self.take("patch_embed.proj.weight", (s.channels, 3, s.patch, s.patch))
        bias = self.take("patch_embed.proj.bias", (s.channels,))
        x = g.conv(x, kernel / IMAGENET_STD, bias, stride=s.patch, pads=(0, 0))
        return g.tokens_of_patches(x, self._added_to_tokens(), self._first_patch)

    def patches(self, x: str) -> str:
        """(N, channels, h, w)."""
        return self.graph.grid_of_tokens(x, self._first_patch, self.channels, self._grid)

    def _added_to_tokens(self) -> Array:
        """(tokens, channels): CLS and registers, and positions if they are learned."""
        channels = self.channels
        added = np.zeros((self._count, channels))
        added[0] = self.take("cls_token", (1, 1, channels))[0, 0]
        if self._shape.registers:
            name = self._weights.first("reg_token", "storage_tokens")
            registers = self.take(name, (1, self._shape.registers, channels))
            added[1 : self._first_patch] = registers[0]
            return added
        return added + learned_positions(self._weights, channels, self._grid)

    def _qkv_biases(self, name: str) -> Array:
        """DINOv3's keys have no bias: Meta masks it, timm does not store it."""
        channels = self.channels
        biases = np.zeros(3 * channels)
        if f"{name}.qkv.bias" in self._weights:
            biases = super()._qkv_biases(name)
        elif f"{name}.q_bias" in self._weights:
            biases[:channels] = self.take(f"{name}.q_bias", (channels,))
            biases[2 * channels :] = self.take(f"{name}.v_bias", (channels,))
        if self._shape.registers:
            biases[channels : 2 * channels] = 0
        return biases

    def _rotary_constants(self) -> tuple[str, str]:
        cos, sin = rotary(self._weights, self._grid, self._first_patch, HEAD)
        return self.graph.floats(cos), self.graph.floats(sin)

    def _rotate(self, x: str) -> str:
        """x * cos + (halves exchanged) * sin, where sin carries the sign."""
        if self._angles is None:
            return x
        g, (cos, sin) = self.graph, self._angles
        low, high = (
            g.node("Slice", x, g.integers(start), g.integers(start + HEAD // 2), g.integers(3))
            for start in (0, HEAD // 2)
        )
        swapped = g.node("Concat", high, low, axis=-1)
        return g.node("Add", g.node("Mul", x, cos), g.node("Mul", swapped, sin))

    def _scale(self, block: str, index: int) -> Array:
        """LayerScale's factors."""
        name = self._weights.first(f"{block}.ls{index}.gamma", f"{block}.gamma_{index}")
        return self.take(name, (self.channels,))
