"""Lets any method find thin lines and small marks too.

The map and the score of the method stay as they are, and the larger value of both is taken.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

from inspector.core.arrays import Image
from learning.backbones.features import Features
from learning.graph import maps
from learning.graph.assemble import GRAPH_OPSET
from learning.graph.maps import MapCanvas
from learning.lines.contrast import ContrastExtractor, contrast, contrast_at
from learning.lines.filters import DIRECTIONS
from learning.lines.limits import Array, excess, usual_contrast
from learning.methods import map_reference
from learning.methods.base import Embeddings, Maps, Method, Scores
from learning.methods.feature_source import ExtendedSource, FeatureSource

LINES: Final = "lines"
"""Name of the contrasts among the features and the embeddings."""


class LinesSource(ExtendedSource):
    """The features of another source, and the contrast of the lines."""

    def __init__(self, source: FeatureSource, input_hw: tuple[int, int], threads: int) -> None:
        super().__init__(source)
        self._input_hw = input_hw
        self._extractor = ContrastExtractor(input_hw, threads)

    def extract(self, pixels: Image) -> Features:
        return {**self._source.extract(pixels), LINES: self._extractor.extract(pixels)}

    def graph(self, image: Var) -> Mapping[str, Var]:
        lines = (
            contrast(image, self._input_hw)
            if self.opset <= GRAPH_OPSET
            else contrast_at(image, self._input_hw, self.opset)
        )
        return {**self._source.graph(image), LINES: lines}


@dataclass(frozen=True, slots=True)
class Units:
    """Turns an excess of lines into units of the method: factor * excess - offset, at least 0."""

    factor: float = 1.0
    offset: float = 0.0

    def of(self, excess: Any) -> Any:
        """An array of any precision."""
        kind = excess.dtype.type
        return np.maximum(excess * kind(self.factor) - kind(self.offset), kind(0))

    def in_graph(self, excess: Var) -> Var:
        scaled = op.mul(excess, op.const(np.float32(self.factor)))
        return op.relu(op.sub(scaled, op.const(np.float32(self.offset))))


@dataclass(frozen=True, slots=True)
class LinesModel:
    """model: of the method. limits: see usual_contrast."""

    model: Any
    limits: Array


@dataclass(frozen=True)
class LinesMethod(Method[LinesModel]):
    """method: whose map and score are completed. counted: (h, w), 1 for the cells that count.
    anywhere: good product has its lines anywhere, so the limits are the same in all cells.
    score_units, map_units: of the score and of the map."""

    name: ClassVar[str] = LINES
    top_fraction: ClassVar[float | None] = None

    method: Method[Any]
    counted: Array
    anywhere: bool = False
    score_units: Units = Units()
    map_units: Units = Units()

    @property
    def highest(self) -> float:
        return self.method.highest

    @property
    def tolerance(self) -> float:
        return self.method.tolerance

    def embed(self, features: Features) -> Embeddings:
        return {**self.method.embed(without_lines(features)), LINES: features[LINES]}

    def fit(self, embeddings: Embeddings, seed: int) -> LinesModel:
        limits = usual_contrast(embeddings[LINES], self.counted, anywhere=self.anywhere)
        return LinesModel(self.method.fit(without_lines(embeddings), seed), limits)

    def measure(
        self, model: LinesModel, embeddings: Embeddings, canvas: MapCanvas
    ) -> tuple[Maps, Scores]:
        drawn, scores = self.method.measure(model.model, without_lines(embeddings), canvas)
        lines = excess(embeddings[LINES], model.limits, self.counted)
        return (
            np.maximum(drawn, self.map_units.of(draw(lines, canvas))),
            np.maximum(scores, self.score_units.of(lines.max(axis=(1, 2)))),
        )

    def head(
        self, model: LinesModel, features: Mapping[str, Var], canvas: MapCanvas
    ) -> tuple[Var, Var]:
        drawn, score = self.method.head(model.model, without_lines(features), canvas)
        factors = np.asarray(1 / model.limits * self.counted, np.float32)
        lines = op.reduce_max(op.mul(features[LINES], op.const(factors)), axes=[1], keepdims=0)
        shape = (self.counted.shape[0], self.counted.shape[1])
        over = maps.anomaly_map({LINES: lines}, {LINES: shape}, line_canvas(canvas))
        highest = op.reduce_max(lines, axes=[1, 2], keepdims=0)
        return (
            op.max([drawn, self.map_units.in_graph(over)]),
            op.max([score, self.score_units.in_graph(highest)]),
        )

    def reference(
        self, model: LinesModel, features: Features, canvas: MapCanvas
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        drawn, scores = self.method.reference(model.model, without_lines(features), canvas)
        for index, contrasts in enumerate(features[LINES].astype(np.float64)):
            limits = np.broadcast_to(model.limits.astype(np.float64), contrasts.shape)
            lines = np.max(contrasts / limits, axis=0) * (self.counted > 0)
            over = self.map_units.of(map_reference.draw(lines, line_canvas(canvas)))
            drawn[index] = np.maximum(drawn[index], over)
            scores[index] = np.maximum(scores[index], self.score_units.of(np.max(lines)))
        return drawn, scores

    def describe(self, model: LinesModel) -> dict[str, Any]:
        settings = self.method.describe(model.model)
        return settings | {
            "model_bytes": settings["model_bytes"] + model.limits.nbytes,
            LINES: {
                "compared": "anywhere" if self.anywhere else "at the same place",
                "directions": DIRECTIONS,
                "score_units": dataclasses.asdict(self.score_units),
                "map_units": dataclasses.asdict(self.map_units),
            },
        }


def draw(lines: Array, canvas: MapCanvas) -> Maps:
    """(n, h, w) of `excess` -> (n, H, W) of the canvas."""
    return maps.anomaly_map_numpy({LINES: lines}, line_canvas(canvas))


def line_canvas(canvas: MapCanvas) -> MapCanvas:
    """Lines are not smoothed: a single cell would nearly vanish."""
    return dataclasses.replace(canvas, sigma=0.0)


def without_lines(features: Mapping[str, Any]) -> dict[str, Any]:
    """What the method itself gets."""
    return {name: values for name, values in features.items() if name != LINES}
