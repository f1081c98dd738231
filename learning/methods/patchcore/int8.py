"""PatchCore on an int8 backbone. The rows of its bank are those that float32 features choose.

The greedy choice follows the smallest differences, so int8 features would choose other rows, and
these change the scores more than the rounding does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from spox import Var

from inspector.core.arrays import Image
from learning.backbones.features import Features
from learning.graph.maps import MapCanvas
from learning.methods.base import Embeddings, Maps, Scores
from learning.methods.feature_source import ExtendedSource, FeatureSource, SourceRequest
from learning.methods.patchcore.bank import PatchCoreModel
from learning.methods.patchcore.method import PatchCore
from learning.options import read_options

FLOAT32: Final = "float32 "
"""Begins the names of the float32 features."""


class _BothSource(ExtendedSource):
    """The features of an int8 backbone, and beside them those of the float32 backbone. The graph
    has the former only."""

    def __init__(self, source: FeatureSource, float32: FeatureSource) -> None:
        super().__init__(source)
        self._float32 = float32

    def extract(self, pixels: Image) -> Features:
        return {**self._source.extract(pixels), **_rename(self._float32.extract(pixels))}

    def graph(self, image: Var) -> Mapping[str, Var]:
        return self._source.graph(image)

    def close(self) -> None:
        super().close()
        self._float32.close()


@dataclass(frozen=True)
class Int8PatchCore(PatchCore):
    """float32: file of the float32 backbone."""

    float32: Path | None = None

    @classmethod
    def of(cls, method: PatchCore, float32: Path) -> Self:
        return cls(**read_options(method), float32=float32)

    def open_source(self, request: SourceRequest) -> FeatureSource:
        float32 = replace(request, backbone=self.float32)
        return _BothSource(super().open_source(request), super().open_source(float32))

    def embed(self, features: Features) -> Embeddings:
        int8, float32 = _split(features)
        return super().embed(int8) | _rename(super().embed(float32))

    def fit(self, embeddings: Embeddings, seed: int) -> PatchCoreModel:
        int8, float32 = _split(embeddings)
        return self.fit_chosen(int8, float32, seed)

    def measure(
        self, model: PatchCoreModel, embeddings: Embeddings, canvas: MapCanvas
    ) -> tuple[Maps, Scores]:
        return super().measure(model, _split(embeddings)[0], canvas)


def _rename(float32: Features) -> Embeddings:
    return {FLOAT32 + name: values for name, values in float32.items()}


def _split(features: Mapping[str, npt.NDArray[np.float32]]) -> tuple[Embeddings, Embeddings]:
    """Those of the int8 backbone, and those of the float32 backbone by the same names."""
    float32 = {
        name.removeprefix(FLOAT32): values
        for name, values in features.items()
        if name.startswith(FLOAT32)
    }
    return {name: features[name] for name in float32}, float32
