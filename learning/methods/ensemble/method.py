"""Ensemble: RAD and the whitened nearest neighbours on one pass of the backbone.

RAD compares with the same place, and finds a part that is missing or wrong. The whitened vectors
find small faults of the surface. The map is the mean of both maps, each divided by the spread of
the maps of good pictures that were left out. The image score is read off this map.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

from inspector.core.errors import DataError
from learning.backbones.features import Features
from learning.backbones.zoo import BackboneInfo
from learning.graph import maps
from learning.graph.maps import MapCanvas
from learning.methods import map_reference
from learning.methods.base import LAYERS, Embeddings, Maps, Method, Scores
from learning.methods.rad.method import Rad, RadModel
from learning.methods.rad.options import parse_radius
from learning.methods.whitened.method import (
    SHRINKAGE,
    VECTORS,
    Whitened,
    WhitenedModel,
    parse_shrinkage,
)
from learning.options import option, whole_number

LEAST_SPREADS: Final = (0.002, 0.1)
"""Of the maps of RAD and of the whitened vectors. They keep rounding small where good pictures are
copies of each other."""

SPREAD_PICTURES: Final = 40
"""Most pictures that the spread of the maps is measured on."""


@dataclass(frozen=True, slots=True)
class EnsembleModel:
    """weights: factors of the maps of RAD and of the whitened vectors."""

    rad: RadModel
    whitened: WhitenedModel
    weights: tuple[float, float]


@dataclass(frozen=True)
class Ensemble(Method[EnsembleModel]):
    """Both methods use the same embeddings: 3x3 averages of unit length."""

    name: ClassVar[str] = "ensemble"
    top_fraction: ClassVar[float | None] = 0.003

    radius: int | None = field(
        default=1,
        metadata=option("as of method rad (default: 1)", parse_radius),
    )
    vectors: int = field(
        default=VECTORS,
        metadata=option(f"as of method whitened (default: {VECTORS})", whole_number),
    )
    shrinkage: float = field(
        default=SHRINKAGE,
        metadata=option(f"as of method whitened (default: {SHRINKAGE})", parse_shrinkage),
    )
    layers: tuple[str, ...] | None = field(default=None, metadata=LAYERS)

    def __post_init__(self) -> None:
        # Both refuse options that they cannot use.
        _ = self.rad, self.whitened

    @property
    def rad(self) -> Rad:
        return Rad(radius=self.radius, layers=self.layers)

    @property
    def whitened(self) -> Whitened:
        return Whitened(self.vectors, self.shrinkage, self.layers)

    def outputs(self, info: BackboneInfo) -> tuple[str, ...]:
        return self.whitened.outputs(info)

    def embed(self, features: Features) -> Embeddings:
        return self.rad.embed(features)

    def fit(self, embeddings: Embeddings, seed: int) -> EnsembleModel:
        return EnsembleModel(
            self.rad.fit(embeddings, seed),
            self.whitened.fit(embeddings, seed),
            self._weights(embeddings, seed),
        )

    def _weights(self, embeddings: Embeddings, seed: int) -> tuple[float, float]:
        """Measured on maps of one half of the pictures by models of the other half."""
        first = next(iter(embeddings.values()))
        if len(first) < 2:
            raise DataError(
                "the ensemble compares two halves of the good pictures, and one more is left out "
                f"of each k-fold: give at least 3 pictures (fitting from {len(first)})"
            )
        count = min(len(first), SPREAD_PICTURES)
        chosen = np.linspace(0, len(first) - 1, count).astype(int)
        halves = [{k: e[part] for k, e in embeddings.items()} for part in _halves(chosen)]
        canvas = MapCanvas((first.shape[2], first.shape[3]), sigma=0.0)
        weights = []
        parts: tuple[Method[Any], ...] = (self.rad, self.whitened)
        for method, least in zip(parts, LEAST_SPREADS, strict=True):
            left_out = [
                method.measure(method.fit(fitted, seed), other, canvas)[0]
                for fitted, other in (halves, halves[::-1])
            ]
            spread = float(np.concatenate(left_out).std())
            weights.append(0.5 / max(spread, least))
        return weights[0], weights[1]

    def measure(
        self, model: EnsembleModel, embeddings: Embeddings, canvas: MapCanvas
    ) -> tuple[Maps, Scores]:
        first, second = model.weights
        drawn = self.rad.measure(model.rad, embeddings, canvas)[0] * np.float32(first)
        drawn += self.whitened.measure(model.whitened, embeddings, canvas)[0] * np.float32(second)
        return drawn, maps.top_mean_numpy(drawn, canvas)

    def head(
        self, model: EnsembleModel, features: Mapping[str, Var], canvas: MapCanvas
    ) -> tuple[Var, Var]:
        both = (
            self.rad.head(model.rad, features, canvas)[0],
            self.whitened.head(model.whitened, features, canvas)[0],
        )
        scaled = [
            op.mul(drawn, op.const(np.float32(weight)))
            for drawn, weight in zip(both, model.weights, strict=True)
        ]
        drawn = op.add(*scaled)
        return drawn, maps.top_mean(drawn, canvas)

    def reference(
        self, model: EnsembleModel, features: Features, canvas: MapCanvas
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        first, second = model.weights
        rad, _ = self.rad.reference(model.rad, features, canvas)
        whitened, _ = self.whitened.reference(model.whitened, features, canvas)
        drawn = first * rad + second * whitened
        return drawn, np.array([map_reference.image_score(each, canvas) for each in drawn])

    def describe(self, model: EnsembleModel) -> dict[str, Any]:
        settings = asdict(self)
        settings.pop("layers")
        parts = {
            "rad": self.rad.describe(model.rad),
            "whitened": self.whitened.describe(model.whitened),
        }
        return settings | {
            "radius": "all" if self.radius is None else self.radius,
            "vectors": parts["whitened"]["vectors"],
            "weights": list(model.weights),
            "parts": parts,
            "model_bytes": sum(part["model_bytes"] for part in parts.values()),
        }


def _halves(chosen: npt.NDArray[np.int_]) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.int_]]:
    """Every second picture, and the others: both cover the whole time of recording."""
    return chosen[::2], chosen[1::2]
