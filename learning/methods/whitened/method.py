"""Whitened: every position is compared with whitened vectors of the whole normal pictures.

Each layer's 3x3 averages are scaled to unit length; the layers are joined and whitened with a
shrunk covariance; the score is the Euclidean distance to the nearest of `vectors` normal vectors,
drawn at random. The whitening is one 1x1 convolution, as in MH-PatchCore (arXiv 2605.27748). That
method merges vectors instead of drawing them. Positions do not matter, so the method suits
surfaces.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

from inspector.core.errors import ConfigError
from learning.backbones.features import Features
from learning.backbones.zoo import BackboneInfo
from learning.graph import features as unit
from learning.graph import maps, nearest
from learning.graph.maps import MapCanvas
from learning.methods.base import (
    LAYERS,
    Embeddings,
    Maps,
    Method,
    Scores,
    check_first_is_finest,
    check_model_size,
)
from learning.methods.closest import closest
from learning.methods.coreset import draw
from learning.methods.whitened import reference as whitened_reference
from learning.methods.whitened.whitening import Whitening, join, patches
from learning.options import number, option, whole_number

VECTORS: Final = 3000
SHRINKAGE: Final = 0.1


def parse_shrinkage(text: str) -> float:
    """Raises ConfigError for anything but a number above 0 and at most 1."""
    value = number(text)
    if not 0 < value <= 1:
        raise ConfigError(f"shrinkage must be above 0 and at most 1, not {text}")
    return value


@dataclass(frozen=True, slots=True)
class WhitenedModel:
    """bank: (M, C), whitened. grids: layer -> (h, w), the first one's grid is scored."""

    whitening: Whitening
    bank: npt.NDArray[np.float32]
    grids: dict[str, tuple[int, int]]
    pictures: int

    @property
    def grid_hw(self) -> tuple[int, int]:
        return next(iter(self.grids.values()))

    @property
    def model_bytes(self) -> int:
        return self.bank.nbytes + self.whitening.matrix.nbytes + self.whitening.mean.nbytes


@dataclass(frozen=True)
class Whitened(Method[WhitenedModel]):
    name: ClassVar[str] = "whitened"
    top_fraction: ClassVar[float | None] = 0.003

    vectors: int = field(
        default=VECTORS,
        metadata=option(f"most normal vectors that are kept (default: {VECTORS})", whole_number),
    )
    shrinkage: float = field(
        default=SHRINKAGE,
        metadata=option(
            "share of the identity in the covariance, above 0 and at most 1, where 1 does not "
            f"whiten (default: {SHRINKAGE})",
            parse_shrinkage,
        ),
    )
    layers: tuple[str, ...] | None = field(default=None, metadata=LAYERS)

    def __post_init__(self) -> None:
        parse_shrinkage(str(self.shrinkage))
        if self.vectors < 1:
            raise ConfigError(f"vectors must be at least 1, not {self.vectors}")

    def outputs(self, info: BackboneInfo) -> tuple[str, ...]:
        names = super().outputs(info)
        check_first_is_finest(info, names)
        return names

    def embed(self, features: Features) -> Embeddings:
        return {
            name: unit.normalise_numpy(unit.average_3x3_numpy(values))
            for name, values in features.items()
        }

    def fit(self, embeddings: Embeddings, seed: int) -> WhitenedModel:
        first = next(iter(embeddings.values()))
        pictures, cells = len(first), first.shape[2] * first.shape[3]
        channels = sum(layer.shape[1] for layer in embeddings.values())
        drawn = draw(pictures * cells, self.vectors, seed)
        check_model_size(4 * channels * len(drawn), "the bank", "fewer vectors")
        whitening = Whitening.of(embeddings, self.shrinkage)
        rows = [
            whitening.numpy(patches(embeddings, index)[drawn[drawn // cells == index] % cells])
            for index in range(pictures)
        ]
        grids = {name: (layer.shape[2], layer.shape[3]) for name, layer in embeddings.items()}
        return WhitenedModel(whitening, np.concatenate(rows), grids, pictures)

    def measure(
        self, model: WhitenedModel, embeddings: Embeddings, canvas: MapCanvas
    ) -> tuple[Maps, Scores]:
        grids = []
        for index in range(len(next(iter(embeddings.values())))):
            _, squared = closest(model.whitening.numpy(patches(embeddings, index)), model.bank)
            grids.append(np.sqrt(squared).reshape(model.grid_hw))
        drawn = maps.anomaly_map_numpy({self.name: np.stack(grids)}, canvas)
        return drawn, maps.top_mean_numpy(drawn, canvas)

    def head(
        self, model: WhitenedModel, features: Mapping[str, Var], canvas: MapCanvas
    ) -> tuple[Var, Var]:
        height, width = model.grid_hw
        units = {name: unit.normalise(unit.average_3x3(features[name])) for name in model.grids}
        whitened = model.whitening.graph(join(units, model.grids))
        shape = op.const(np.array((0, model.bank.shape[1], -1), np.int64))
        rows = op.transpose(op.reshape(whitened, shape), perm=[0, 2, 1])
        _, squared = nearest.closest(rows, nearest.BankRows(model.bank, 1), height * width)
        grid = op.reshape(op.sqrt(squared), op.const(np.array((-1, height, width), np.int64)))
        drawn = maps.anomaly_map({self.name: grid}, {self.name: model.grid_hw}, canvas)
        return drawn, maps.top_mean(drawn, canvas)

    def reference(
        self, model: WhitenedModel, features: Features, canvas: MapCanvas
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        return whitened_reference.maps_and_scores(
            [features[name] for name in model.grids],
            model.whitening.mean,
            model.whitening.matrix,
            model.bank,
            canvas,
        )

    def describe(self, model: WhitenedModel) -> dict[str, Any]:
        settings = asdict(self)
        settings.pop("layers")
        return settings | {
            "vectors": len(model.bank),
            "dims": model.bank.shape[1],
            "bank_pictures": model.pictures,
            "model_bytes": model.model_bytes,
        }
