"""RAD: every position is compared with the same place of the normal pictures, nothing is trained.

Method of "RAD" (ICML 2026, arXiv 2601.22763): score = 1 - largest cosine between a feature vector
and the bank's vectors within +-radius positions, mean over layers; optionally the bank is limited
to the top_k pictures most similar as a whole. Here the features are averaged over 3x3 positions,
the Gaussian mirrors at the border instead of fading to zero, and `radius all` drops positions, for
webs and loose parts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Final, Self, TypeVar

import numpy as np
import numpy.typing as npt
from spox import Var

from inspector.core.errors import ConfigError
from learning.backbones.features import Features
from learning.backbones.zoo import BackboneInfo
from learning.graph import codes, maps, nearest
from learning.graph import features as unit
from learning.graph.maps import MapCanvas
from learning.methods.base import (
    INT8,
    LAYERS,
    PRECISION,
    Embeddings,
    Maps,
    Method,
    Scores,
    check_model_size,
    precision_name,
)
from learning.methods.coreset import thin, thin_cells
from learning.methods.rad import reference as rad_reference
from learning.methods.rad.options import parse_average, parse_radius
from learning.methods.rad.search import best_anywhere, best_in_window, mask_of_chosen
from learning.options import option, whole_number

DESCRIPTOR: Final = "descriptor"
"""Key of the global descriptor among the embeddings."""

CELL_CORESET: Final = 200
"""Default for the number of pictures that are kept per position."""

WHOLE_CORESET: Final = 3000
"""Default for the number of vectors that are kept per layer with `radius all`."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RadModel:
    """banks: layer -> (h*w, C, N), or (C, M) with `radius all`, in the stored precision.

    covering: layer -> covering radius of the dropped vectors, in 1 - cosine; 0 if none was dropped.
    descriptors: (N, D) unit vectors where top_k is smaller than N, else None.
    """

    banks: dict[str, npt.NDArray[np.floating]]
    grids: dict[str, tuple[int, int]]
    pictures: int
    covering: dict[str, float]
    descriptors: npt.NDArray[np.float32] | None


@dataclass(frozen=True)
class Rad(Method[RadModel]):
    """radius: cells, or None for the whole picture. top_k: None uses all pictures. coreset: most
    pictures per position (or vectors per layer with radius None) to keep; 0 keeps all, None is
    CELL_CORESET or WHOLE_CORESET. average: cells on a side whose mean is compared."""

    name: ClassVar[str] = "rad"
    top_fraction: ClassVar[float | None] = 0.003

    radius: int | None = field(
        default=1,
        metadata=option(
            "how far a part may be from its usual place, in cells of the backbone's layers, such "
            "as 8 px of the input (default: 1); all: for product that moves or lies anywhere, such "
            "as webs",
            parse_radius,
        ),
    )
    top_k: int | None = field(
        default=None,
        metadata=option("compare with the k most similar pictures only", whole_number),
    )
    coreset: int | None = field(
        default=None,
        metadata=option("most vectors kept per position; 0 keeps all", whole_number),
    )
    average: int = field(
        default=3,
        metadata=option(
            "cells on a side whose mean is compared: 3 (default), or 1 for backbones whose "
            "vectors already include their surroundings, such as transformers",
            parse_average,
        ),
    )
    precision: str = field(default="float32", metadata=PRECISION)
    layers: tuple[str, ...] | None = field(default=None, metadata=LAYERS)

    def __post_init__(self) -> None:
        if self.precision != INT8:
            precision_name(self.precision)
        parse_average(str(self.average))
        for key in ("radius", "coreset"):
            value = getattr(self, key)
            if value is not None and value < 0:
                raise ConfigError(f"{key} must be at least 0, not {value}")
        if self.top_k is not None and self.top_k < 1:
            raise ConfigError(f"top_k must be at least 1, not {self.top_k}")
        if self.top_k is not None and (self.radius is None or self.coreset):
            raise ConfigError(
                "top_k chooses pictures, so it needs a bank that keeps them apart: "
                "use it with a number as radius and without coreset"
            )

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        method = super().from_options(options)
        precision_name(method.precision)  # only in_int8() may choose int8
        return method

    def outputs(self, info: BackboneInfo) -> tuple[str, ...]:
        grids = super().outputs(info)
        descriptors = [output.name for output in info.outputs if output.stride is None]
        return grids if self.top_k is None else (*grids, *descriptors[:1])

    def embed(self, features: Features) -> Embeddings:
        embeddings = {
            name: unit.normalise_numpy(
                values if self.average == 1 else unit.average_3x3_numpy(values)
            )
            for name, values in features.items()
            if values.ndim == 4
        }
        if self.top_k is not None:
            embeddings[DESCRIPTOR] = unit.descriptor_numpy(_whole(features))
        return embeddings

    def fit(self, embeddings: Embeddings, seed: int) -> RadModel:
        grids = {name: e for name, e in embeddings.items() if name != DESCRIPTOR}
        pictures = len(next(iter(grids.values())))
        self._refuse_if_too_large(grids)
        banks, covering = {}, {}
        for name, grid in grids.items():
            bank, covering[name] = self._bank(grid, seed)
            banks[name] = bank.astype(self._stored, copy=False)
        chosen = self.top_k is not None and self.top_k < pictures
        return RadModel(
            banks=banks,
            grids={name: (grid.shape[2], grid.shape[3]) for name, grid in grids.items()},
            pictures=pictures,
            covering=covering,
            descriptors=embeddings[DESCRIPTOR] if chosen else None,
        )

    def _keep(self, available: int) -> int:
        limit = self.coreset
        if limit is None:
            limit = WHOLE_CORESET if self.radius is None else CELL_CORESET
        return available if limit == 0 or self.top_k is not None else min(limit, available)

    def _bank(
        self, grid: npt.NDArray[np.float32], seed: int
    ) -> tuple[npt.NDArray[np.float32], float]:
        pictures, channels, height, width = grid.shape
        if self.radius is None:
            vectors = grid.transpose(0, 2, 3, 1).reshape(-1, channels)
            keep = self._keep(len(vectors))
            thinned, radius = (vectors, 0.0) if keep == len(vectors) else thin(vectors, keep, seed)
            return np.ascontiguousarray(thinned.T), radius
        bank = np.empty((height * width, channels, pictures), np.float32)
        for channel in range(channels):  # three times as fast as all channels together
            bank[:, channel] = grid[:, channel].reshape(pictures, -1).T
        keep = self._keep(pictures)
        return (bank, 0.0) if keep == pictures else thin_cells(bank, keep)

    def bank_bytes(self, shapes: Iterable[tuple[int, ...]]) -> int:
        """Bytes that `fit` would store for layers of (n, C, h, w)."""
        size = 0
        for pictures, channels, height, width in shapes:
            cells = height * width
            rows = (
                self._keep(pictures * cells)
                if self.radius is None
                else (cells * self._keep(pictures))
            )
            size += rows * channels * self._item_bytes
        return size

    @property
    def _stored(self) -> str:
        """Precision of a model in memory. In int8, only the graph has codes."""
        return "float32" if self.precision == INT8 else self.precision

    @property
    def _item_bytes(self) -> int:
        return np.dtype(self.precision).itemsize

    def _refuse_if_too_large(self, grids: Mapping[str, npt.NDArray[np.float32]]) -> None:
        check_model_size(
            self.bank_bytes(grid.shape for grid in grids.values()),
            "the bank",
            "a smaller coreset, fewer pictures or layers, a smaller input size, or precision "
            "float16",
        )

    def measure(
        self, model: RadModel, embeddings: Embeddings, canvas: MapCanvas
    ) -> tuple[Maps, Scores]:
        mask = None
        if model.descriptors is not None and self.top_k is not None:
            mask = mask_of_chosen(embeddings[DESCRIPTOR], model.descriptors, self.top_k)
        grids = {}
        for name, stored in model.banks.items():
            bank = stored.astype(np.float32, copy=False)
            if self.radius is None:
                best = best_anywhere(embeddings[name], bank)
            else:
                best = best_in_window(embeddings[name], bank, self.radius, mask)
            grids[name] = np.maximum(1 - best, 0)
        drawn = maps.anomaly_map_numpy(grids, canvas)
        return drawn, maps.top_mean_numpy(drawn, canvas)

    def head(
        self, model: RadModel, features: Mapping[str, Var], canvas: MapCanvas
    ) -> tuple[Var, Var]:
        mask = None
        if model.descriptors is not None and self.top_k is not None:
            query = unit.descriptor(_whole(features))
            mask = nearest.choose_pictures(query, model.descriptors, self.top_k)
        grids = {}
        for name, bank in model.banks.items():
            around = features[name] if self.average == 1 else unit.average_3x3(features[name])
            query = unit.normalise(around)
            if self.radius is None:
                grids[name] = nearest.anywhere(query, bank, model.grids[name])
            else:
                at, coded = model.grids[name], self.precision == INT8
                grids[name] = nearest.positional(query, bank, at, self.radius, mask, codes=coded)
        drawn = maps.anomaly_map(grids, model.grids, canvas)
        return drawn, maps.top_mean(drawn, canvas)

    def reference(
        self, model: RadModel, features: Features, canvas: MapCanvas
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        return rad_reference.maps_and_scores(
            {name: features[name] for name in model.banks},
            model.banks,
            canvas,
            radius=self.radius,
            whole=_whole(features),
            descriptors=model.descriptors,
            top_k=self.top_k,
            average=self.average,
            levels=codes.LEVELS if self.precision == INT8 else None,
        )

    def in_int8(self) -> Self:
        """With the bank in codes of 8 bits (learning.graph.codes), unless it is searched
        anywhere."""
        return self if self.radius is None else replace(self, precision=INT8)

    @property
    def tolerance(self) -> float:
        """In int8, a value of a query that lies halfway between two codes can get either."""
        return 3e-3 if self.precision == INT8 else super().tolerance

    def describe(self, model: RadModel) -> dict[str, Any]:
        settings = asdict(self)
        settings.pop("layers")
        return settings | {
            "radius": "all" if self.radius is None else self.radius,
            "bank_pictures": model.pictures,
            "bank_shapes": {name: list(bank.shape) for name, bank in model.banks.items()},
            "model_bytes": sum(bank.size for bank in model.banks.values()) * self._item_bytes,
            "covering_radius": model.covering,
        }


def _whole(features: Mapping[str, T]) -> T:
    """The features that the global descriptor is made from: the last output. It is the descriptor
    of the backbone if it has one, else its last grid."""
    return list(features.values())[-1]
