"""The blocks of a vision or text transformer, as a graph.

Vaswani et al., "Attention Is All You Need" (2017), with the norm before each part. Attention is
written out as MatMul and Softmax. Weights are named as timm names them.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from learning.backbones.feature_graph import FeatureGraph, Weights

Array = npt.NDArray[np.float64]

MLP_RATIO: Final = 4

GELU: Final = "gelu"
QUICK_GELU: Final = "quick_gelu"


class TransformerGraph:
    """x is (N, tokens, channels), for any number of tokens.

    activation: of the MLP, GELU (exact) or QUICK_GELU (x * sigmoid(1.702 x), as in the CLIP of
    OpenAI). prefix: of all names in the weights, such as "visual.".
    """

    def __init__(
        self,
        graph: FeatureGraph,
        weights: Weights,
        *,
        channels: int,
        heads: int,
        norm_eps: float,
        activation: str = GELU,
        prefix: str = "",
    ) -> None:
        self.graph = graph
        self.channels = channels
        self._weights = weights
        self._prefix = prefix
        self._heads = heads
        self._norm_eps = norm_eps
        self._activation = activation

    def block(self, x: str, name: str, mask: str = "") -> str:
        """mask: (tokens, tokens), added to the similarities; "" for none."""
        g = self.graph
        y = self._attention(
            self.norm(x, f"{name}.norm1"), f"{name}.attn", self._scale(name, 1), mask
        )
        x = g.node("Add", x, y)
        wide = self.channels * MLP_RATIO
        y = self.linear(self.norm(x, f"{name}.norm2"), *self._pair(f"{name}.mlp.fc1", wide))
        scale = self._scale(name, 2)
        kernel, bias = self._pair(f"{name}.mlp.fc2", self.channels, wide)
        y = self.linear(self._act(y), kernel * scale[:, None], bias * scale)
        return g.node("Add", x, y)

    def norm(self, x: str, name: str) -> str:
        parts = (
            self.graph.floats(self.take(f"{name}.{part}", (self.channels,)))
            for part in ("weight", "bias")
        )
        return self.graph.node("LayerNormalization", x, *parts, axis=-1, epsilon=self._norm_eps)

    def linear(self, x: str, kernel: Array, bias: Array | None = None) -> str:
        """kernel: (out, in)."""
        product = self.graph.node("MatMul", x, self.graph.floats(kernel.T))
        return product if bias is None else self.graph.node("Add", product, self.graph.floats(bias))

    def first_token(self, x: str) -> str:
        """(N, channels)."""
        index = self.graph.constant(np.array(0, dtype=np.int64))
        return self.graph.node("Gather", x, index, axis=1)

    def take(self, name: str, shape: tuple[int, ...]) -> Array:
        """See Weights.take; the prefix is added to the name."""
        return self._weights.take(self._prefix + name, shape)

    def _attention(self, x: str, name: str, scale: Array, mask: str) -> str:
        g = self.graph
        queries, keys, values = (
            self._split_heads(self.linear(x, kernel, bias))
            for kernel, bias in self._query_key_value(name)
        )
        queries, keys = self._rotate(queries), self._rotate(keys)
        similar = g.node("MatMul", queries, g.node("Transpose", keys, perm=[0, 1, 3, 2]))
        if mask:
            similar = g.node("Add", similar, mask)
        mixed = g.node("MatMul", g.node("Softmax", similar, axis=-1), values)
        mixed = g.node("Transpose", mixed, perm=[0, 2, 1, 3])
        mixed = g.node("Reshape", mixed, g.integers(0, 0, self.channels))
        kernel, bias = self._pair(f"{name}.proj", self.channels)
        return self.linear(mixed, kernel * scale[:, None], bias * scale)

    def _query_key_value(self, name: str) -> list[tuple[Array, Array]]:
        """Kernels (out, in) and biases. 1 / sqrt(channels per head) is in the first."""
        kernels = self.take(f"{name}.qkv.weight", (3 * self.channels, self.channels))
        q, k, v = zip(np.split(kernels, 3), np.split(self._qkv_biases(name), 3), strict=True)
        root = (self.channels // self._heads) ** 0.5
        return [(q[0] / root, q[1] / root), k, v]

    def _qkv_biases(self, name: str) -> Array:
        return self.take(f"{name}.qkv.bias", (3 * self.channels,))

    def _split_heads(self, x: str) -> str:
        """(N, tokens, channels) -> (N, heads, tokens, channels per head)."""
        shape = self.graph.integers(0, 0, self._heads, self.channels // self._heads)
        return self.graph.node("Transpose", self.graph.node("Reshape", x, shape), perm=[0, 2, 1, 3])

    def _rotate(self, x: str) -> str:
        """Queries or keys, changed by the positions of their tokens: not at all."""
        return x

    def _scale(self, block: str, index: int) -> Array:
        """(channels,) or (1,): factors of what a part of the block adds. block, index: of it."""
        return np.ones(1)

    def _act(self, x: str) -> str:
        g = self.graph
        if self._activation == QUICK_GELU:
            return g.node("Mul", x, g.node("Sigmoid", g.node("Mul", x, g.scalar(1.702))))
        error = g.node("Erf", g.node("Div", x, g.scalar(2**0.5)))
        return g.node("Mul", g.node("Mul", x, g.node("Add", error, g.scalar(1))), g.scalar(0.5))

    def _pair(self, name: str, out: int, inner: int | None = None) -> tuple[Array, Array]:
        shape = (out, inner or self.channels)
        return self.take(f"{name}.weight", shape), self.take(f"{name}.bias", (out,))
