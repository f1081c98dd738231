"""The two networks of a CLIP as graphs: pictures to features, and texts to vectors.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (2021). A
window embedding is that of WinCLIP (Jeong et al., CVPR 2023), section 4.2: the tokens of a square
of patches, with the class token and with their positions in the whole picture, pass through the
whole transformer alone.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper

from inspector.core.errors import ConfigError
from learning.backbones.feature_graph import FeatureGraph, Weights, float_tensor
from learning.backbones.transformer import Array, TransformerGraph
from learning.backbones.zoo import INPUT, BackboneInfo, Feature

CLS: Final = "cls"
"""Output: the vector of the whole picture, comparable with those of texts."""

WINDOWS: Final = (2, 3)
"""Sides of windows, in patches."""

TOKENS: Final = "tokens"
TEXT: Final = "text"
"""Input and output of the text tower."""


def block_name(index: int, *, projected: bool = False) -> str:
    """Output of a block, counted from 0: its patches after the last norm; projected: also after
    the projection, comparable with the vectors of texts."""
    return f"block{index}_projected" if projected else f"block{index}"


def last_block(info: BackboneInfo, *, projected: bool = False) -> str:
    """Output with the patches of the last block, see `block_name`. Raises ConfigError if there is
    none."""
    numbers = [
        int(output.name.removeprefix("block"))
        for output in info.outputs
        if output.name.removeprefix("block").isdecimal()
    ]
    if not numbers:
        raise ConfigError(f"backbone {info.name} has no output with the patches of a block")
    return block_name(max(numbers), projected=projected)


def windows_name(side: int) -> str:
    """Output with the vectors of all windows of side x side patches, stride 1."""
    return f"windows{side}"


def window_patches(grid: tuple[int, int], side: int) -> np.ndarray:
    """(windows, side * side) int64: the patches of each window; both row by row. grid: (h, w)."""
    rows, columns = (np.arange(cells - side + 1) for cells in grid)
    corners = (rows[:, None] * grid[1] + columns).reshape(-1, 1)
    inside = (np.arange(side)[:, None] * grid[1] + np.arange(side)).reshape(1, -1)
    return corners + inside


@dataclass(frozen=True, slots=True)
class ClipShape:
    """What a CLIP looks like, besides its weights. heads, text_heads: of the attention.
    activation: see TransformerGraph. mean, std: of RGB in [0, 1]."""

    heads: int
    text_heads: int
    activation: str
    norm_eps: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def count_blocks(weights: Weights, tower: str) -> int:
    """How many blocks a tower has, "visual" or "text"."""
    count = 0
    while f"{tower}.blocks.{count}.norm1.weight" in weights:
        count += 1
    return count


def visual_outputs(
    blocks: tuple[int, ...], channels: int, embedded: int, patch: int, grid: tuple[int, int]
) -> tuple[Feature, ...]:
    """The outputs of the visual tower, in order."""
    features = [Feature(block_name(index), channels, patch) for index in blocks]
    features += [Feature(block_name(i, projected=True), embedded, patch) for i in blocks]
    sides = [side for side in WINDOWS if side <= min(grid)]
    features += [Feature(windows_name(side), embedded, patch) for side in sides]
    return (*features, Feature(CLS, embedded, None))


def build_visual(
    weights: Weights,
    info: BackboneInfo,
    shape: ClipShape,
    blocks: tuple[int, ...],
    positions: Array,
    grid: tuple[int, int],
) -> onnx.ModelProto:
    """blocks: rising, the last one is the last of the network. positions: (1 + h * w, channels)."""
    net = _VisualTower(weights, shape, positions, grid)
    tokens = x = net.tokens()
    x = net.norm(x, "ln_pre")
    tensors = {}
    for index in range(blocks[-1] + 1):
        x = net.block(x, f"blocks.{index}")
        if index in blocks:
            normed = net.norm(x, "ln_post")
            tensors[block_name(index)] = net.patches(normed, net.channels)
            projected = net.project(normed)
            tensors[block_name(index, projected=True)] = net.patches(projected, net.embedded)
    tensors[CLS] = net.project(net.norm(net.first_token(x), "ln_post"))
    grids = {}
    for side in WINDOWS:
        if side <= min(grid):
            tensors[windows_name(side)] = net.windows(tokens, side, blocks[-1] + 1)
            grids[windows_name(side)] = (grid[0] - side + 1, grid[1] - side + 1)
    return net.graph.model(info, tensors, grids)


class _VisualTower(TransformerGraph):
    """The tokens are CLS, then the patches row by row."""

    def __init__(
        self, weights: Weights, shape: ClipShape, positions: Array, grid: tuple[int, int]
    ) -> None:
        self.embedded = weights.shape("visual.proj", 2)[1]
        super().__init__(
            FeatureGraph(),
            weights,
            channels=positions.shape[1],
            heads=shape.heads,
            norm_eps=shape.norm_eps,
            activation=shape.activation,
            prefix="visual.",
        )
        self._shape = shape
        self._positions = positions
        self._grid = grid

    def tokens(self) -> str:
        """Before the first norm, with their positions."""
        channels, patch = self.channels, self._weights.shape("visual.patch", 4)[3]
        mean, std = (np.array(v)[:, None, None] for v in (self._shape.mean, self._shape.std))
        kernel = self.take("patch", (channels, 3, patch, patch)) / std
        x = self.graph.minus_per_channel(INPUT, mean)
        x = self.graph.conv(x, kernel, np.zeros(channels), stride=patch, pads=(0, 0))
        added = self._positions.copy()
        added[0] += self.take("cls", (channels,))
        return self.graph.tokens_of_patches(x, added, 1)

    def project(self, x: str) -> str:
        return self.linear(x, self.take("proj", (self.channels, self.embedded)).T)

    def patches(self, x: str, channels: int) -> str:
        """(N, channels, h, w)."""
        return self.graph.grid_of_tokens(x, 1, channels, self._grid)

    def windows(self, tokens: str, side: int, blocks: int) -> str:
        """(N, embedded, h - side + 1, w - side + 1). All windows of all pictures are one batch of
        short sequences."""
        g = self.graph
        index = window_patches(self._grid, side) + 1
        index = np.pad(index, ((0, 0), (1, 0)))  # 0 is CLS
        x = g.node("Gather", tokens, g.constant(index), axis=1)
        x = g.node("Reshape", x, g.integers(-1, index.shape[1], self.channels))
        x = self.norm(x, "ln_pre")
        for block in range(blocks):
            x = self.block(x, f"blocks.{block}")
        x = self.project(self.norm(self.first_token(x), "ln_post"))
        x = g.node("Reshape", x, g.integers(-1, len(index), self.embedded))
        shape = self._grid[0] - side + 1, self._grid[1] - side + 1
        return g.grid_of_tokens(x, 0, self.embedded, shape)


def build_text(weights: Weights, shape: ClipShape, name: str, end: int) -> onnx.ModelProto:
    """A graph from `tokens` (N, L) int64, L at most the context, to `text` (N, embedded) float32,
    not of unit length. end: the token at which a text ends; what follows it has no effect."""
    context, channels = weights.shape("text.positions", 2)
    tokens = weights.take("text.tokens", (weights.shape("text.tokens", 2)[0], channels))
    if end >= len(tokens):
        raise ConfigError(
            f"{weights.where}: the vocabulary has the token {end}, the weights have {len(tokens)} "
            "tokens: they do not belong together"
        )
    net = TransformerGraph(
        FeatureGraph(),
        weights,
        channels=channels,
        heads=shape.text_heads,
        norm_eps=shape.norm_eps,
        activation=shape.activation,
        prefix="text.",
    )
    g, zero = net.graph, net.graph.integers(0)
    length = g.node("Slice", g.node("Shape", TOKENS), g.integers(1), g.integers(2))
    x = g.node("Gather", g.floats(tokens), TOKENS)
    x = g.node(
        "Add",
        x,
        g.node("Slice", g.floats(net.take("positions", (context, channels))), zero, length, zero),
    )
    mask = g.floats(np.triu(np.full((context, context), -np.inf), 1))
    square = g.node("Concat", length, length, axis=0)
    mask = g.node("Slice", mask, g.integers(0, 0), square, g.integers(0, 1))
    for index in range(count_blocks(weights, "text")):
        x = net.block(x, f"blocks.{index}", mask)
    ends = g.node("Cast", g.node("Equal", TOKENS, g.integers(end)), to=TensorProto.INT32)
    last = g.node("ArgMax", ends, axis=1, keepdims=1)  # the first of equals
    last = g.node("Unsqueeze", last, g.integers(2))
    last = g.node("Expand", last, g.integers(1, 1, channels))
    x = g.node("Squeeze", g.node("GatherElements", x, last, axis=1), g.integers(1))
    x = net.norm(x, "norm")
    embedded = weights.shape("text.proj", 2)[1]
    x = net.linear(x, net.take("proj", (channels, embedded)).T)
    text = helper.make_tensor_value_info(TOKENS, TensorProto.INT64, ["N", "L"])
    model = g.unnamed_model(name, text, [float_tensor(TEXT, ["N", embedded])], {TEXT: x})
    onnx.checker.check_model(model, full_check=True)
    return model
