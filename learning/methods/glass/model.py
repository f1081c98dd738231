"""Computes a trained GLASS (ECCV 2024) network in folded form, without torch.

Nothing between the projection and the batch norm is nonlinear. So in inference the two linear
layers and the norm are one affine map. This map is split by the columns that each layer of the
backbone fills.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.core.errors import ConfigError
from learning.graph.patch_embedding import PatchEmbedding, resize_numpy

SLOPE: Final = 0.2
"""Of the leaky rectifier."""

NORM_EPSILON: Final = 1e-5

Array = npt.NDArray[np.float32]
Checkpoint = Mapping[str, Mapping[str, npt.NDArray[np.floating]]]
"""A published checkpoint: "discriminator" and "pre_projection", each tensors by name."""


@dataclass(frozen=True, slots=True)
class GlassModel:
    """score = sigmoid(tail . leaky(sum over the layers of weights @ embedding + bias)).

    embedding: one convolution per layer of `layers`, in that order. weights: per layer (hidden,
    columns), for the values that its convolution makes; bias, tail: (hidden,). 1 is anomalous.
    """

    layers: tuple[str, ...]
    embedding: PatchEmbedding
    weights: tuple[Array, ...]
    bias: Array
    tail: Array

    @property
    def hidden(self) -> int:
        return len(self.bias)

    def scores(self, features: Mapping[str, Array]) -> Array:
        """Backbone outputs (n, C, h, w) -> (n, h, w) in (0, 1) at the first layer's grid."""
        grid = features[self.layers[0]].shape[2:]
        count = len(features[self.layers[0]])
        inner = np.empty((count, self.hidden, *grid), np.float32)
        inner[:] = self.bias[:, None, None]
        for layer, weight, convolution in zip(
            self.layers, self.weights, self.embedding.convolutions, strict=True
        ):
            values = convolution.numpy(features[layer])
            mixed = weight @ values.reshape(count, values.shape[1], -1)
            mixed = mixed.reshape(count, self.hidden, *values.shape[2:])
            inner += resize_numpy(mixed, (grid[0], grid[1]))
        np.maximum(inner, np.float32(SLOPE) * inner, out=inner)
        logits = np.tensordot(inner, self.tail, axes=(1, 0))
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def fold(state: Checkpoint, layers: tuple[str, ...], embedding: PatchEmbedding) -> GlassModel:
    """Folded in float64. Raises ConfigError if the state lacks a tensor or its sizes do not fit
    the embedding."""
    linear, norm = "body.block1.0", "body.block1.1"
    dims = embedding.dims
    first, first_bias = _tensors(state, "pre_projection", "layers.0fc.weight", "layers.0fc.bias")
    hidden = len(_tensors(state, "discriminator", f"{linear}.bias")[0])
    second, second_bias, gamma, beta, mean, variance, tail = _tensors(
        state,
        "discriminator",
        *(f"{linear}.{key}" for key in ("weight", "bias")),
        *(f"{norm}.{key}" for key in ("weight", "bias", "running_mean", "running_var")),
        "tail.0.weight",
    )
    shapes = (first.shape, second.shape, tail.shape)
    if shapes != ((dims, dims), (hidden, dims), (1, hidden)):
        raise ConfigError(
            f"the networks have sizes {first.shape}, {second.shape} and {tail.shape}, which do not "
            f"fit patch vectors of {dims} values"
        )
    gain = gamma / np.sqrt(variance + NORM_EPSILON)
    weight = gain[:, None] * (second @ first)
    bias = gain * (second @ first_bias + second_bias - mean) + beta
    columns = [(part.start, part.stop) for part in embedding.convolutions]
    return GlassModel(
        layers=layers,
        embedding=embedding,
        weights=tuple(
            np.ascontiguousarray(weight[:, start:stop], np.float32) for start, stop in columns
        ),
        bias=bias.astype(np.float32),
        tail=tail[0].astype(np.float32),
    )


def _tensors(state: Checkpoint, network: str, *names: str) -> list[npt.NDArray[np.float64]]:
    """Raises ConfigError for the first that is missing."""
    tensors = state.get(network, {})
    for name in names:
        if name not in tensors:
            raise ConfigError(f"the checkpoint's {network} has no tensor {name}")
    return [np.asarray(tensors[name], np.float64) for name in names]
