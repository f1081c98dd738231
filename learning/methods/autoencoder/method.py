"""Autoencoder: a network with a bottleneck redraws the picture; the difference is the anomaly map.

It has a U-Net's form (Ronneberger et al. 2015) in a small size. It needs no backbone. This module
computes a trained network; the package training trains it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

from inspector.core.arrays import Image
from inspector.core.errors import ConfigError, EngineError
from learning.backbones.features import Features
from learning.graph import maps
from learning.graph.maps import MapCanvas
from learning.methods.autoencoder import reference as literal
from learning.methods.autoencoder.error_maps import ERRORS, error_map, error_map_numpy
from learning.methods.autoencoder.head import reconstruct
from learning.methods.autoencoder.model import MULTIPLE, Network, State, fold
from learning.methods.base import Embeddings, Maps, Scorer, Scores
from learning.methods.feature_source import FeatureSource, SourceRequest

PICTURE: Final = "picture"


class PictureSource(FeatureSource):
    """The picture itself, with values in [-1, 1]."""

    def extract(self, pixels: Image) -> Features:
        """Raises EngineError for another shape or dtype than (n, H, W, 3) uint8."""
        if pixels.ndim != 4 or pixels.shape[3] != 3 or pixels.dtype != np.uint8:
            raise EngineError(
                f"the autoencoder takes (n, H, W, 3) uint8, not {pixels.shape} {pixels.dtype}"
            )
        return {PICTURE: to_planes(pixels)}

    def graph(self, image: Var) -> Mapping[str, Var]:
        doubled = op.mul(image, op.const(np.float32(2)))
        return {PICTURE: op.sub(doubled, op.const(np.float32(1)))}


def to_planes(pixels: Image) -> npt.NDArray[np.float32]:
    """(n, H, W, 3) uint8 -> (n, 3, H, W) float32 in [-1, 1]."""
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    return planes.astype(np.float32) * np.float32(1 / 255) * np.float32(2) - np.float32(1)


@dataclass(frozen=True, slots=True)
class TrainedAutoencoder:
    """network: what the engine computes. state: as trained; only the reference uses it. skips:
    which steps of the decoder see the encoder, from the smallest size. facts: plain values about
    the training, for the spec."""

    network: Network
    state: State
    skips: tuple[bool, ...]
    facts: Mapping[str, Any]


def trained_autoencoder(
    state: State, skips: Sequence[bool], facts: Mapping[str, Any]
) -> TrainedAutoencoder:
    """Raises ConfigError if the state lacks a tensor."""
    return TrainedAutoencoder(fold(state, skips), state, tuple(skips), facts)


@dataclass(frozen=True)
class Autoencoder(Scorer[TrainedAutoencoder]):
    """error: one of ERRORS. share: of ssim in blend."""

    name: ClassVar[str] = "autoencoder"
    top_fraction: ClassVar[float | None] = 0.01
    default_backbone: ClassVar[str | None] = None

    error: str = "blend"
    share: float = 0.5
    precision: str = field(default="float32", init=False)

    @property
    def highest(self) -> float:
        return 1.0

    def __post_init__(self) -> None:
        if self.error not in ERRORS:
            raise ConfigError(f"error must be one of {', '.join(ERRORS)}, not {self.error!r}")
        if not 0 <= self.share <= 1:
            raise ConfigError(f"share must lie within 0 and 1, not {self.share:g}")

    def open_source(self, request: SourceRequest) -> FeatureSource:
        if any(side < MULTIPLE or side % MULTIPLE for side in request.input_hw):
            height, width = request.input_hw
            raise ConfigError(
                f"the autoencoder takes multiples of {MULTIPLE} px, not {width}x{height}: "
                "give another --size"
            )
        return PictureSource()

    def embed(self, features: Features) -> Embeddings:
        return dict(features)

    def measure(
        self, model: TrainedAutoencoder, embeddings: Embeddings, canvas: MapCanvas
    ) -> tuple[Maps, Scores]:
        pictures = embeddings[PICTURE]
        # One picture at a time: the convolutions of a batch would need gigabytes.
        grids = np.concatenate(
            [
                error_map_numpy(part, model.network.reconstruct(part), self.error, self.share)
                for part in np.split(pictures, len(pictures))
            ]
        )
        drawn = maps.anomaly_map_numpy({PICTURE: grids}, canvas)
        return drawn, maps.top_mean_numpy(drawn, canvas)

    def head(
        self, model: TrainedAutoencoder, features: Mapping[str, Var], canvas: MapCanvas
    ) -> tuple[Var, Var]:
        picture, hw = features[PICTURE], canvas.map_hw
        redrawn = reconstruct(picture, model.network, hw)
        grid = error_map(picture, redrawn, self.error, self.share, hw)
        drawn = maps.anomaly_map({PICTURE: grid}, {PICTURE: hw}, canvas)
        return drawn, maps.top_mean(drawn, canvas)

    def reference(
        self, model: TrainedAutoencoder, features: Features, canvas: MapCanvas
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        return literal.maps_and_scores(
            features[PICTURE], model.state, model.skips, self.error, self.share, canvas
        )

    def describe(self, model: TrainedAutoencoder) -> dict[str, Any]:
        return {
            "error": self.error,
            "ssim_share": self.share,
            "skips": list(model.skips),
            "model_bytes": model.network.nbytes,
            **model.facts,
        }
