"""The head of GLASS (ECCV 2024): a small network at every position, as 1x1 convolutions."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

from learning.graph.patch_embedding import Grid, PatchEmbedding, resize

Array = npt.NDArray[np.float32]


def patch_scores(
    features: Sequence[Var],
    grids: Sequence[Grid],
    embedding: PatchEmbedding,
    weights: Sequence[Array],
    *,
    bias: Array,
    tail: Array,
    slope: float,
) -> Var:
    """(N, C, h, w) of each layer -> (N, h, w) in (0, 1) at the first of `grids`.

    weights: (hidden, columns) of each layer's share of the patch vector; bias, tail: (hidden,).
    Each layer is mixed at its own grid and resized afterwards, which is the same and cheaper.
    """
    inner: list[Var] = []
    parts = zip(features, grids, embedding.convolutions, weights, strict=True)
    for index, (layer, grid, convolution, weight) in enumerate(parts):
        kernel = op.const(weight[:, :, None, None])
        added = op.const(bias) if index == 0 else None
        mixed = op.conv(convolution.graph(layer), kernel, added)
        inner.append(resize(mixed, grid, grids[0]))
    joined = inner[0] if len(inner) == 1 else op.sum(inner)
    logits = op.conv(op.leaky_relu(joined, alpha=slope), op.const(tail[None, :, None, None]))
    return op.squeeze(op.sigmoid(logits), op.const(np.array([1], np.int64)))


def largest(scores: Var, counted: Array | None) -> Var:
    """(N, h, w) -> (N,). counted: (h, w), 1 where a cell may be the largest, else 0."""
    if counted is not None:
        scores = op.mul(scores, op.const(counted))
    return op.reduce_max(scores, axes=[1, 2], keepdims=0)
