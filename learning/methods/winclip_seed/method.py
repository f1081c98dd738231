"""A variant of WinCLIP without windows: texts, and a bank of the patches of all good pictures.

The patches of the last blocks of a CLIP, after its projection, are averaged. The text map is the
difference of the cosines with the anomalous and the normal anchor (see winclip). The map of the
bank is the distance to the nearest vector of a coreset. Both are set to the same scale by the
median and the deviation of good pictures that were left out. These are constants of the model: a
scale of each single picture would make the scores of pictures incomparable.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

from inspector.core.errors import ConfigError, DataError
from learning.backbones.features import Features
from learning.backbones.zoo import BackboneInfo
from learning.graph import features as unit
from learning.graph import maps, nearest
from learning.graph.maps import MapCanvas
from learning.methods import coreset
from learning.methods.base import (
    LAYERS,
    Embeddings,
    Maps,
    Scores,
    check_model_size,
)
from learning.methods.clip_method import MAKE_CLIP, ClipMethod
from learning.methods.closest import closest
from learning.methods.coreset import share_of_rows
from learning.methods.winclip_seed import reference as seed_reference
from learning.options import number, option, whole_number
from learning.thresholds.rules import MAD_TO_SIGMA

PATCHES: Final = "patches"
"""Key of the patches among the embeddings."""

PROJECTED: Final = "_projected"

LEAST_SPREADS: Final = (0.002, 0.02)
"""Of the text map and of the map of the bank. They keep rounding small where good pictures are
copies of each other."""

Array = npt.NDArray[np.float32]


def text_share(text: str) -> float:
    """Raises ConfigError for anything but a number from 0 to 1."""
    share = number(text)
    if not 0 <= share <= 1:
        raise ConfigError(f"text_weight must lie within 0 and 1, not {text}")
    return share


@dataclass(frozen=True, slots=True)
class WinclipSeedModel:
    """text: (2, E) unit vectors, of the normal and of the anomalous state. bank: (M, E) unit
    vectors. centres, spreads: median and deviation of the text map and of the map of the bank, on
    good pictures that were left out. covering: of the bank, in 1 - cosine."""

    text: Array
    bank: Array
    centres: tuple[float, float]
    spreads: tuple[float, float]
    covering: float
    pictures: int


@dataclass(frozen=True)
class WinclipSeed(ClipMethod[WinclipSeedModel]):
    """See ClipMethod for the options that are not here. layers: projected blocks; None for all."""

    name: ClassVar[str] = "winclip-seed"
    top_fraction: ClassVar[float | None] = 0.01

    text_weight: float = field(
        default=0.3,
        metadata=option("weight of the text map; the bank has the rest", text_share),
    )
    coreset: float = field(
        default=0.1,
        metadata=option("share of the patches that is kept; 0 or 1: all", share_of_rows),
    )
    most_rows: int = field(
        default=2000, metadata=option("most patches that are kept; 0: no limit", whole_number)
    )
    layers: tuple[str, ...] | None = field(default=None, metadata=LAYERS)

    def __post_init__(self) -> None:
        super().__post_init__()
        text_share(str(self.text_weight))
        share_of_rows(str(self.coreset))
        if self.most_rows < 0:
            raise ConfigError(f"most_rows must be at least 0, not {self.most_rows}")

    @property
    def _weights(self) -> tuple[float, float]:
        return self.text_weight, 1 - self.text_weight

    def outputs(self, info: BackboneInfo) -> tuple[str, ...]:
        names = tuple(name for name in super().outputs(info) if name.endswith(PROJECTED))
        if not names or (self.layers and len(names) < len(self.layers)):
            raise ConfigError(
                f"method {self.name} needs blocks of a CLIP after its projection, named "
                f"block11{PROJECTED}; make a backbone with them by {MAKE_CLIP}"
            )
        return names

    def embed(self, features: Features) -> Embeddings:
        total = sum(features.values()) / np.float32(len(features))
        return {PATCHES: unit.normalise_numpy(np.asarray(total, np.float32))}

    def fit(self, embeddings: Embeddings, seed: int) -> WinclipSeedModel:
        patches = embeddings[PATCHES]
        if len(patches) < 2:
            raise DataError(
                "the maps of one half of the good pictures are measured with a bank of the other "
                f"half, and k-fold leaves one more out: give at least 3 pictures (fitting from "
                f"{len(patches)})"
            )
        bank, covering = self._bank(patches, seed)
        texts, gaps = _text_map(patches, self.anchors), []
        for fitted, others in ((patches[::2], patches[1::2]), (patches[1::2], patches[::2])):
            gaps.append(_gaps(others, self._bank(fitted, seed)[0]))
        measured = (texts, np.concatenate(gaps))
        centres = [float(np.median(values)) for values in measured]
        spreads = [
            max(MAD_TO_SIGMA * float(np.median(np.abs(values - centre))), least)
            for values, centre, least in zip(measured, centres, LEAST_SPREADS, strict=True)
        ]
        return WinclipSeedModel(
            self.anchors,
            bank,
            (centres[0], centres[1]),
            (spreads[0], spreads[1]),
            covering,
            len(patches),
        )

    def _bank(self, patches: Array, seed: int) -> tuple[Array, float]:
        """(n, E, h, w) -> (M, E) and the covering radius, in 1 - cosine."""
        vectors = np.ascontiguousarray(patches.transpose(0, 2, 3, 1)).reshape(-1, patches.shape[1])
        keep = coreset.rows_to_keep(len(vectors), self.coreset, self.most_rows)
        check_model_size(keep * vectors.shape[1] * 4, "the bank", "a smaller coreset or most_rows")
        return (vectors, 0.0) if keep == len(vectors) else coreset.thin(vectors, keep, seed)

    def measure(
        self, model: WinclipSeedModel, embeddings: Embeddings, canvas: MapCanvas
    ) -> tuple[Maps, Scores]:
        patches = embeddings[PATCHES]
        both = (_text_map(patches, model.text), _gaps(patches, model.bank))
        scaled = [
            values * np.float32(factor)
            for values, factor in zip(both, self._factors(model), strict=True)
        ]
        grid = np.maximum(scaled[0] + scaled[1] - np.float32(self._offset(model)), 0)
        drawn = maps.anomaly_map_numpy({self.name: grid}, canvas)
        return drawn, maps.top_mean_numpy(drawn, canvas)

    def _factors(self, model: WinclipSeedModel) -> tuple[float, float]:
        text, memory = self._weights
        return text / model.spreads[0], memory / model.spreads[1]

    def _offset(self, model: WinclipSeedModel) -> float:
        first, second = self._factors(model)
        return first * model.centres[0] + second * model.centres[1]

    def head(
        self, model: WinclipSeedModel, features: Mapping[str, Var], canvas: MapCanvas
    ) -> tuple[Var, Var]:
        layers = list(features.values())
        shape = layers[0].unwrap_tensor().shape
        height, width = (int(side or 0) for side in (shape or (0,) * 4)[2:])
        total = op.mul(op.sum(layers), op.const(np.float32(1 / len(layers))))
        vectors = unit.normalise(total)
        first, second = self._factors(model)
        axis = (model.text[1] - model.text[0]) * np.float32(first)
        similar = op.squeeze(
            op.conv(vectors, op.const(axis[None, :, None, None])), op.const(np.array([1]))
        )
        lined = op.reshape(vectors, op.const(np.array((0, len(axis), -1), np.int64)))
        rows = nearest.BankRows(model.bank, 1.0)
        _, squared = nearest.closest(op.transpose(lined, perm=[0, 2, 1]), rows, height * width)
        apart = op.reshape(op.sqrt(squared), op.const(np.array((-1, height, width), np.int64)))
        joined = op.add(similar, op.mul(apart, op.const(np.float32(second))))
        grid = op.relu(op.sub(joined, op.const(np.float32(self._offset(model)))))
        drawn = maps.anomaly_map({self.name: grid}, {self.name: (height, width)}, canvas)
        return drawn, maps.top_mean(drawn, canvas)

    def reference(
        self, model: WinclipSeedModel, features: Features, canvas: MapCanvas
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        return seed_reference.maps_and_scores(
            features,
            model.text.astype(np.float64),
            model.bank.astype(np.float64),
            model.centres,
            model.spreads,
            self._weights,
            canvas,
        )

    def describe(self, model: WinclipSeedModel) -> dict[str, Any]:
        return self.describe_prompts() | {
            "text_weight": self.text_weight,
            "coreset": self.coreset,
            "most_rows": self.most_rows,
            "centres": list(model.centres),
            "spreads": list(model.spreads),
            "bank_rows": len(model.bank),
            "bank_pictures": model.pictures,
            "covering_radius": model.covering,
            "model_bytes": model.text.nbytes + model.bank.nbytes,
        }


def _text_map(patches: Array, text: Array) -> Array:
    """(n, E, h, w) -> (n, h, w): cosine with the anomalous anchor minus the one with the normal."""
    return np.einsum("c,nchw->nhw", text[1] - text[0], patches)


def _gaps(patches: Array, bank: Array) -> Array:
    """(n, E, h, w) -> (n, h, w): distances to the nearest row of the bank."""
    count, channels, height, width = patches.shape
    gaps = np.empty((count, height, width), np.float32)
    for index, picture in enumerate(patches):
        squared = closest(picture.reshape(channels, -1).T, bank)[1]
        gaps[index] = np.sqrt(squared).reshape(height, width)
    return gaps
