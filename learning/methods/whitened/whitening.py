"""Joins the layers to one vector per position and whitens these vectors.

The whitening makes all directions of the normal vectors equally long, so that small differences in
directions in which normal pictures hardly vary count. The covariance is shrunk towards a multiple
of the identity (Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance
matrices", 2004, with a fixed share), so that noise in nearly constant directions is not blown up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

from learning.graph.patch_embedding import resize, resize_numpy

LEAST_VARIANCE: Final = 1e-6
"""Of a value of unit vectors. It keeps the whitening finite for pictures of one colour."""

Array = npt.NDArray[np.float32]


def join_numpy(layers: Mapping[str, Array]) -> Array:
    """(n, C, h, w) of each layer -> (n, sum of C, h, w) at the grid of the first layer."""
    first = next(iter(layers.values()))
    grid = first.shape[2], first.shape[3]
    return np.concatenate([resize_numpy(layer, grid) for layer in layers.values()], axis=1)


def join(layers: Mapping[str, Var], grids: Mapping[str, tuple[int, int]]) -> Var:
    """The same as `join_numpy`, in the graph."""
    grid = next(iter(grids.values()))
    resized = [resize(layers[name], grids[name], grid) for name in grids]
    return resized[0] if len(resized) == 1 else op.concat(resized, axis=1)


@dataclass(frozen=True, slots=True)
class Whitening:
    """x -> matrix @ (x - mean). mean: (C,). matrix: (C, C)."""

    mean: Array
    matrix: Array

    @classmethod
    def of(cls, embeddings: Mapping[str, Array], shrinkage: float) -> Self:
        """embeddings: layer -> (n, C, h, w). shrinkage: from 0 to 1, share of the identity."""
        pictures = len(next(iter(embeddings.values())))
        size = sum(layer.shape[1] for layer in embeddings.values())
        count, total, products = 0, np.zeros(size), np.zeros((size, size))
        for index in range(pictures):
            vectors = patches(embeddings, index).astype(np.float64)
            count += len(vectors)
            total += vectors.sum(axis=0)
            products += vectors.T @ vectors
        mean = total / count
        covariance = products / count - np.outer(mean, mean)
        variance = max(float(np.trace(covariance)) / size, LEAST_VARIANCE)
        shrunk = (1 - shrinkage) * covariance + shrinkage * variance * np.eye(size)
        matrix = np.linalg.inv(np.linalg.cholesky(shrunk))
        return cls(mean.astype(np.float32), matrix.astype(np.float32))

    def numpy(self, vectors: Array) -> Array:
        """(P, C) -> (P, C)."""
        whitened: Array = np.matmul(vectors - self.mean, self.matrix.T, dtype=np.float32)
        return whitened

    def graph(self, joined: Var) -> Var:
        """(N, C, h, w) -> (N, C, h, w), as a 1x1 convolution."""
        centred = op.sub(joined, op.const(self.mean[:, None, None]))
        return op.conv(centred, op.const(np.ascontiguousarray(self.matrix[:, :, None, None])))


def patches(embeddings: Mapping[str, Array], index: int) -> Array:
    """The joined vectors (h * w, C) of a picture."""
    joined = join_numpy({name: e[index : index + 1] for name, e in embeddings.items()})[0]
    return joined.reshape(len(joined), -1).T
