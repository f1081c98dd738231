"""Turns pictures into patch vectors as torch tensors: the backbone runs on onnxruntime, and one
convolution per layer in torch."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from inspector.core.arrays import Image
from learning.backbones.features import FeatureExtractor
from learning.graph.patch_embedding import PatchEmbedding

CHUNK: Final = 8
"""Pictures embedded at once."""


class Embedder:
    """Turns pictures into patch vectors. scale: factor of the vectors."""

    def __init__(
        self, extractor: FeatureExtractor, embedding: PatchEmbedding, device: str = "cpu"
    ) -> None:
        self.extractor, self.embedding, self.device = extractor, embedding, device
        self.scale = 1.0
        self._kernels = [
            torch.from_numpy(part.kernel).to(device) for part in embedding.convolutions
        ]

    def grid(self, picture: Image) -> tuple[int, int]:
        """(h, w) of the patch vectors of pictures of this size."""
        first = self.extractor.extract(picture[None])[self.extractor.layers[0]]
        return first.shape[2], first.shape[3]

    def rows(self, pixels: Image) -> Tensor:
        """(n, H, W, 3) uint8 RGB -> (n, h * w, dims), positions row by row."""
        features = self.extractor.extract(pixels)
        return self.embed([torch.from_numpy(values) for values in features.values()])

    def embed(self, features: Sequence[Tensor]) -> Tensor:
        """(n, C, h, w) of each layer -> (n, h * w, dims), the same as PatchEmbedding.numpy."""
        grid = features[0].shape[2:]
        total = torch.zeros(len(features[0]), self.embedding.dims, *grid, device=self.device)
        parts = zip(self.embedding.convolutions, self._kernels, features, strict=True)
        for part, kernel, layer in parts:
            values = functional.conv2d(layer.to(self.device), kernel, padding=1, groups=part.groups)
            if values.shape[2:] != grid:
                values = functional.interpolate(values, grid, mode="bilinear", align_corners=False)
            total[:, part.start : part.stop] += values
        return total.mul_(self.scale).flatten(2).transpose(1, 2).contiguous()


class CachedRows:
    """Patch vectors of pictures that do not change. As many as fit in cache_bytes are computed only
    once."""

    def __init__(self, embedder: Embedder, pixels: Image, cache_bytes: int) -> None:
        self._embedder, self._pixels = embedder, pixels
        first = embedder.rows(pixels[:1])
        each = first.nelement() * first.element_size()
        self.cached = min(len(pixels), cache_bytes // each)
        self._rows = torch.empty(self.cached, *first.shape[1:], device=embedder.device)
        for start in range(0, self.cached, CHUNK):
            stop = min(start + CHUNK, self.cached)
            self._rows[start:stop] = embedder.rows(pixels[start:stop])

    def __len__(self) -> int:
        return len(self._pixels)

    def take(self, indices: npt.NDArray[np.int64]) -> Tensor:
        """(n, h * w, dims) of the pictures with these indices, in this order."""
        cached = indices < self.cached
        if cached.all():
            return self._rows[torch.from_numpy(indices)]
        rows = torch.empty(len(indices), *self._rows.shape[1:], device=self._rows.device)
        rows[torch.from_numpy(cached)] = self._rows[torch.from_numpy(indices[cached])]
        rows[torch.from_numpy(~cached)] = self._embedder.rows(self._pixels[indices[~cached]])
        return rows

    def batches(self, size: int) -> "list[npt.NDArray[np.int64]]":
        """All pictures in their order."""
        order = np.arange(len(self))
        return [order[start : start + size] for start in range(0, len(self), size)]

    def norm(self) -> float:
        """Root mean square length of the patch vectors."""
        squares = [
            float(self.take(part).square().sum(dim=2).mean()) * len(part)
            for part in self.batches(CHUNK)
        ]
        return float(np.sqrt(sum(squares) / len(self)))

    def scale(self, factor: float) -> None:
        """Multiplies these rows, and all that the embedder makes later."""
        self._rows *= factor
        self._embedder.scale *= factor

    def mean(self, batch: int) -> Tensor:
        """(h * w, dims): the mean of the means of the batches, unweighted as published. It is the
        epoch's centre before the projection, which is linear."""
        means = [self.take(part).mean(dim=0) for part in self.batches(batch)]
        return torch.stack(means).mean(dim=0)
