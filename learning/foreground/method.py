"""Lets a method judge the foreground of a picture only.

The method itself sees the whole picture. Its map is multiplied by the mask of the picture, and the
image score is read off the result.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

from engines.foreground import NO_PRODUCT
from inspector.core.arrays import Image
from learning.backbones.features import Features
from learning.foreground import model as forms
from learning.foreground.model import ForegroundModel
from learning.foreground.reference import foreground
from learning.graph import maps
from learning.graph.maps import MapCanvas
from learning.methods import map_reference
from learning.methods.base import Embeddings, Maps, Method, Scorer, Scores
from learning.methods.feature_source import ExtendedSource, FeatureSource

FOREGROUND: Final = "foreground"
"""Name of the colours of the cells among the features, and of the mask among the embeddings."""


class ForegroundSource(ExtendedSource):
    """The features of another source, and the colours of the cells. side: of a cell, px."""

    def __init__(self, source: FeatureSource, side: int) -> None:
        super().__init__(source)
        self._side = side

    def extract(self, pixels: Image) -> Features:
        return {**self._source.extract(pixels), FOREGROUND: forms.cells(pixels, self._side)}

    def graph(self, image: Var) -> Mapping[str, Var]:
        return {**self._source.graph(image), FOREGROUND: forms.cells_in_graph(image, self._side)}


class ForegroundMethod(Method[Any]):
    """A method whose maps are 0 outside the foreground. Without `top_fraction`, its image score is
    the maximum of the map."""

    name: ClassVar[str] = FOREGROUND
    top_fraction: ClassVar[float | None] = None

    def __init__(self, method: Scorer[Any], model: ForegroundModel) -> None:
        self._method, self._foreground = method, model

    @property
    def tolerance(self) -> float:
        return self._method.tolerance

    def embed(self, features: Features) -> Embeddings:
        model = self._foreground
        grid = forms.mask(forms.product(features[FOREGROUND], model), model)
        return {**self._method.embed(_without(features)), FOREGROUND: grid}

    def fit(self, embeddings: Embeddings, seed: int) -> Any:
        assert isinstance(self._method, Method)
        return self._method.fit(_without(embeddings), seed)

    def measure(self, model: Any, embeddings: Embeddings, canvas: MapCanvas) -> tuple[Maps, Scores]:
        drawn, _ = self._method.measure(model, _without(embeddings), canvas)
        masked = drawn * forms.draw(embeddings[FOREGROUND], canvas.map_hw)
        return masked, maps.top_mean_numpy(masked, canvas)

    def head(self, model: Any, features: Mapping[str, Var], canvas: MapCanvas) -> tuple[Var, Var]:
        drawn, _ = self._method.head(model, _without(features), canvas)
        mask, share = forms.mask_in_graph(features[FOREGROUND], self._foreground, canvas.map_hw)
        masked = op.mul(drawn, mask)
        empty = op.less(share, op.const(np.float32(self._foreground.least)))
        score = op.where(empty, op.const(np.float32(NO_PRODUCT)), maps.top_mean(masked, canvas))
        return masked, score

    def reference(
        self, model: Any, features: Features, canvas: MapCanvas
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        drawn, _ = self._method.reference(model, _without(features), canvas)
        scores = np.empty(len(drawn))
        masked = np.empty_like(drawn)
        for index, colours in enumerate(features[FOREGROUND].astype(np.float64)):
            mask, share = foreground(colours, self._foreground, canvas)
            masked[index] = drawn[index] * mask
            scores[index] = map_reference.image_score(masked[index], canvas)
            if share < self._foreground.least:
                scores[index] = NO_PRODUCT
        return masked, scores

    def describe(self, model: Any) -> dict[str, Any]:
        return self._method.describe(model)


def _without(features: Mapping[str, Any]) -> dict[str, Any]:
    """What the method itself gets."""
    return {name: values for name, values in features.items() if name != FOREGROUND}
