"""GLASS: a small network scores every patch. It is trained to separate normal features from
synthetic anomalies.

Method of "GLASS" (ECCV 2024): patch vectors of two layers of a frozen backbone, a linear
projection, a discriminator. This module computes a trained network; the package training trains it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
from spox import Var

from inspector.core.errors import ConfigError
from learning.backbones.features import FeatureExtractor, Features
from learning.backbones.zoo import BackboneInfo
from learning.graph import maps
from learning.graph.maps import MapCanvas, scored_cells
from learning.graph.patch_embedding import PatchEmbedding
from learning.methods.base import Embeddings, Maps, Scorer, Scores, check_first_is_finest
from learning.methods.glass import reference as glass_reference
from learning.methods.glass.head import largest, patch_scores
from learning.methods.glass.model import SLOPE, Checkpoint, GlassModel, fold

STRIDES: Final = (8, 16)
"""Of the published layers, layer2 and layer3 of WideResNet50."""


@dataclass(frozen=True, slots=True)
class TrainedGlass:
    """folded: what the engine computes. state: the networks as trained; only the reference uses
    them, and the engine does not hold them. grids: of the layers, for one size of input. facts:
    plain values about the training, for the spec."""

    folded: GlassModel
    state: Checkpoint
    grids: tuple[tuple[int, int], ...]
    facts: Mapping[str, Any]


def trained_glass(
    state: Checkpoint,
    extractor: FeatureExtractor,
    input_hw: tuple[int, int],
    *,
    facts: Mapping[str, Any] | None = None,
) -> TrainedGlass:
    """state: a checkpoint in the published form, as numpy arrays. extractor: of the layers that it
    was trained on, see Glass.outputs. Raises ConfigError if they do not fit each other."""
    weight = state.get("pre_projection", {}).get("layers.0fc.weight")
    if weight is None or weight.ndim != 2:
        raise ConfigError("the checkpoint's pre_projection has no matrix layers.0fc.weight")
    channels = [extractor.info.output(layer).channels for layer in extractor.layers]
    embedding = PatchEmbedding.pooled(channels, len(weight), len(weight))
    features = extractor.extract(np.zeros((1, *input_hw, 3), np.uint8))
    return TrainedGlass(
        folded=fold(state, extractor.layers, embedding),
        state=state,
        grids=tuple((values.shape[2], values.shape[3]) for values in features.values()),
        facts={} if facts is None else facts,
    )


@dataclass(frozen=True)
class Glass(Scorer[TrainedGlass]):
    """layers: None for those of strides 8 and 16, or all grids if the backbone has none of
    these."""

    name: ClassVar[str] = "glass"
    top_fraction: ClassVar[float | None] = None

    layers: tuple[str, ...] | None = None
    precision: str = field(default="float32", init=False)

    @property
    def highest(self) -> float:
        return 1.0

    def outputs(self, info: BackboneInfo) -> tuple[str, ...]:
        names = super().outputs(info)
        if self.layers is None:
            names = tuple(name for name in names if info.output(name).stride in STRIDES) or names
        check_first_is_finest(info, names)
        return names

    def embed(self, features: Features) -> Embeddings:
        return dict(features)

    def measure(
        self, model: TrainedGlass, embeddings: Embeddings, canvas: MapCanvas
    ) -> tuple[Maps, Scores]:
        grid = model.folded.scores(embeddings)
        drawn = maps.anomaly_map_numpy({self.name: grid}, canvas)
        return drawn, (grid * _scored_cells(model, canvas)).max(axis=(1, 2))

    def head(
        self, model: TrainedGlass, features: Mapping[str, Var], canvas: MapCanvas
    ) -> tuple[Var, Var]:
        folded = model.folded
        grid = patch_scores(
            [features[layer] for layer in folded.layers],
            model.grids,
            folded.embedding,
            folded.weights,
            bias=folded.bias,
            tail=folded.tail,
            slope=SLOPE,
        )
        drawn = maps.anomaly_map({self.name: grid}, {self.name: model.grids[0]}, canvas)
        return drawn, largest(grid, None if canvas.inside is None else _scored_cells(model, canvas))

    def reference(
        self, model: TrainedGlass, features: Features, canvas: MapCanvas
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        layers = [features[layer] for layer in model.folded.layers]
        return glass_reference.maps_and_scores(layers, model.state, canvas)

    def describe(self, model: TrainedGlass) -> dict[str, Any]:
        folded = model.folded
        parts = folded.embedding.convolutions
        arrays = [*folded.weights, folded.bias, folded.tail, *(part.kernel for part in parts)]
        return {
            "dims": folded.embedding.dims,
            "hidden": folded.hidden,
            "kernels": {
                layer: {"shape": list(part.kernel.shape), "groups": part.groups}
                for layer, part in zip(folded.layers, parts, strict=True)
            },
            "model_bytes": sum(array.nbytes for array in arrays),
            **model.facts,
        }


def _scored_cells(model: TrainedGlass, canvas: MapCanvas) -> npt.NDArray[np.float32]:
    """(h, w): 1 for the cells that the image score is taken from."""
    return scored_cells(model.grids[0], canvas).reshape(model.grids[0])
