"""Three small methods: pixels only, two passes, and constants from a text encoder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import spox.opset.ai.onnx.v17 as op
from grey_source import GreySource
from scipy.ndimage import uniform_filter
from spox import Var

from learning.backbones.features import Features
from learning.backbones.zoo import DEFAULT, describe, resolve
from learning.graph import features as unit
from learning.graph import maps
from learning.methods import map_reference
from learning.methods.base import Embeddings, Method
from learning.methods.feature_source import BackboneSource, FeatureSource, SourceRequest
from learning.options import option, option_fields, whole_number

WINDOW = 9
"""Side of the square that local contrast is measured in, px."""


def constant(values) -> Var:
    return op.const(np.ascontiguousarray(values, np.float32))


@dataclass(frozen=True)
class LocalContrast(Method[dict[str, float]]):
    """How far a pixel is from the mean of its neighbours, above what normal pictures show."""

    name: ClassVar[str] = "local_contrast"
    top_fraction: ClassVar[float | None] = 0.001
    default_backbone: ClassVar[str | None] = None

    def open_source(self, request: SourceRequest) -> FeatureSource:
        return GreySource()

    def embed(self, features: Features) -> Embeddings:
        return {"contrast": self._contrast(features["grey"][:, 0]).astype(np.float32)}

    def fit(self, embeddings: Embeddings, seed: int) -> dict[str, float]:
        return {"usual": float(np.quantile(embeddings["contrast"], 0.99))}

    def measure(self, model, embeddings, canvas):
        above = np.maximum(embeddings["contrast"] - np.float32(model["usual"]), 0)
        drawn = maps.anomaly_map_numpy({"grey": above}, canvas)
        return drawn, maps.top_mean_numpy(drawn, canvas)

    def head(self, model, features, canvas):
        grey, reach = features["grey"], WINDOW // 2
        mean = op.average_pool(
            grey, kernel_shape=[WINDOW] * 2, pads=[reach] * 4, strides=[1, 1], count_include_pad=0
        )
        contrast = op.squeeze(op.abs(op.sub(grey, mean)), op.const(np.array([1])))
        above = op.relu(op.sub(contrast, constant(model["usual"])))
        drawn = maps.anomaly_map({"grey": above}, {"grey": canvas.map_hw}, canvas)
        return drawn, maps.top_mean(drawn, canvas)

    def reference(self, model, features, canvas):
        contrast = self._contrast(features["grey"][:, 0].astype(np.float64))
        above = np.maximum(contrast - model["usual"], 0)
        drawn = np.stack([map_reference.draw(grid, canvas) for grid in above])
        return drawn, np.array([map_reference.image_score(grid, canvas) for grid in drawn])

    def describe(self, model: dict[str, float]) -> dict[str, Any]:
        return {"window": WINDOW, "usual_contrast": model["usual"], "model_bytes": 4}

    @staticmethod
    def _contrast(grey: np.ndarray) -> np.ndarray:
        """The mean is over the pixels of the window that lie inside the picture."""
        wide = grey.astype(np.float64)
        share = uniform_filter(np.ones_like(wide), (0, WINDOW, WINDOW), mode="constant")
        mean = uniform_filter(wide, (0, WINDOW, WINDOW), mode="constant") / share
        return np.abs(wide - mean)


class MirrorSource(FeatureSource):
    """Two passes of a backbone: the picture, and its mirror image mirrored back."""

    def __init__(self, request: SourceRequest, layers: tuple[str, ...]) -> None:
        assert request.backbone is not None
        self._backbone = BackboneSource(request.backbone, layers, threads=request.threads)
        self.backbone_name, self.licence = self._backbone.backbone_name, self._backbone.licence
        self.layers, self.opset = layers, self._backbone.opset

    @property
    def files(self) -> dict[str, str]:
        return self._backbone.files

    def extract(self, pixels: np.ndarray) -> Features:
        straight = self._backbone.extract(pixels)
        mirrored = self._backbone.extract(np.ascontiguousarray(pixels[:, :, ::-1]))
        return {name: (straight[name] + mirrored[name][..., ::-1]) / 2 for name in self.layers}

    def graph(self, image: Var) -> Mapping[str, Var]:
        # Both passes go through the backbone as one batch, so that its weights are stored once.
        both = self._backbone.graph(op.concat([image, self._flip(image)], axis=0))
        features = {}
        for name in self.layers:
            straight, mirrored = op.split(both[name], outputs_count=2, axis=0)
            features[name] = op.div(op.add(straight, self._flip(mirrored)), constant(2))
        return features

    def close(self) -> None:
        self._backbone.close()

    @staticmethod
    def _flip(values: Var) -> Var:
        start, end, axis, step = (op.const(np.array([v])) for v in (-1, -(2**31), 3, -1))
        return op.slice(values, start, end, axis, step)


@dataclass(frozen=True)
class MirrorMean(Method[np.ndarray]):
    """Distance of the mean of two passes from its mean over the normal pictures."""

    name: ClassVar[str] = "mirror_mean"
    top_fraction: ClassVar[float | None] = 0.01

    def open_source(self, request: SourceRequest) -> FeatureSource:
        return MirrorSource(request, ("stride8",))

    def embed(self, features: Features) -> Embeddings:
        return dict(features)

    def fit(self, embeddings: Embeddings, seed: int) -> np.ndarray:
        return embeddings["stride8"].mean(axis=0)

    def measure(self, model, embeddings, canvas):
        grid = np.sqrt(np.mean((embeddings["stride8"] - model) ** 2, axis=1))
        drawn = maps.anomaly_map_numpy({"stride8": grid}, canvas)
        return drawn, maps.top_mean_numpy(drawn, canvas)

    def head(self, model, features, canvas):
        difference = op.sub(features["stride8"], constant(model))
        mean = op.reduce_mean(op.mul(difference, difference), axes=[1], keepdims=0)
        drawn = maps.anomaly_map({"stride8": op.sqrt(mean)}, {"stride8": model.shape[1:]}, canvas)
        return drawn, maps.top_mean(drawn, canvas)

    def reference(self, model, features, canvas):
        wide = features["stride8"].astype(np.float64) - model
        drawn = np.stack([map_reference.draw(g, canvas) for g in np.sqrt((wide**2).mean(axis=1))])
        return drawn, np.array([map_reference.image_score(grid, canvas) for grid in drawn])

    def describe(self, model: np.ndarray) -> dict[str, Any]:
        return {"model_bytes": model.nbytes}


ENCODED: list[str] = []
"""Prompts that the stub text encoder was called with."""


def encode_text(prompt: str, channels: int) -> np.ndarray:
    """A stub of a text encoder: a unit vector that depends on the prompt alone."""
    ENCODED.append(prompt)
    random = np.random.default_rng(np.frombuffer(prompt.encode(), np.uint8))
    vector = random.normal(size=channels).astype(np.float32)
    return vector / np.linalg.norm(vector)


@dataclass(frozen=True)
class TextPrompts(Method[np.ndarray]):
    """Share of the anomalous prompt in the similarity of every position to two prompts. The model
    is the vectors of the prompts (2, C); normal pictures only choose the thresholds."""

    name: ClassVar[str] = "text_prompts"
    top_fraction: ClassVar[float | None] = 0.01

    normal: str = field(default="flawless", metadata=option("prompt of a good part", str))
    defective: str = field(default="damaged", metadata=option("prompt of a defect", str))
    sharpness: int = field(default=10, metadata=option("of the softmax", whole_number))

    @property
    def highest(self) -> float:
        return 1.0

    @cached_property
    def _text(self) -> np.ndarray:
        """Encoded once, however many models are fitted to choose thresholds."""
        channels = describe(resolve(DEFAULT)).output("stride16").channels
        return np.stack([encode_text(text, channels) for text in (self.normal, self.defective)])

    def open_source(self, request: SourceRequest) -> FeatureSource:
        assert request.backbone is not None
        return TextSource(request.backbone, ("stride16",), threads=request.threads)

    def embed(self, features: Features) -> Embeddings:
        return {"patches": unit.normalise_numpy(features["stride16"])}

    def fit(self, embeddings: Embeddings, seed: int) -> np.ndarray:
        return self._text

    def measure(self, model, embeddings, canvas):
        similar = np.einsum("tc,nchw->nthw", model, embeddings["patches"]) * self.sharpness
        grid = 1 / (1 + np.exp(similar[:, 0] - similar[:, 1]))
        drawn = maps.anomaly_map_numpy({"text": grid.astype(np.float32)}, canvas)
        return drawn, maps.top_mean_numpy(drawn, canvas)

    def head(self, model, features, canvas):
        patches = unit.normalise(features["stride16"])
        similar = op.conv(patches, constant(model[:, :, None, None] * self.sharpness))
        anomalous = op.gather(op.softmax(similar, axis=1), op.const(np.int64(1)), axis=1)
        height, width = canvas.map_hw[0] // 16, canvas.map_hw[1] // 16
        drawn = maps.anomaly_map({"text": anomalous}, {"text": (height, width)}, canvas)
        return drawn, maps.top_mean(drawn, canvas)

    def reference(self, model, features, canvas):
        wide = features["stride16"].astype(np.float64)
        drawn = []
        for picture in wide:
            unit_length = picture / np.maximum(np.linalg.norm(picture, axis=0), 1e-12)
            powers = np.exp(self.sharpness * np.tensordot(model.astype(float), unit_length, 1))
            drawn.append(map_reference.draw(powers[1] / powers.sum(axis=0), canvas))
        scores = [map_reference.image_score(grid, canvas) for grid in drawn]
        return np.stack(drawn), np.array(scores)

    def describe(self, model: np.ndarray) -> dict[str, Any]:
        prompts = {field.name: getattr(self, field.name) for field in option_fields(type(self))}
        return prompts | {"model_bytes": model.nbytes}


class TextSource(BackboneSource):
    """A backbone with a text encoder beside it, whose licence and file the spec must name."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.licence = f"{self.info.licence}, text encoder MIT"

    @property
    def files(self) -> dict[str, str]:
        return super().files | {"text_encoder": "0" * 64}
