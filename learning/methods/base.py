"""What a method must implement: the contract of a scorer, and that of a method that is fitted."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
from spox import Var

from inspector.core.errors import ConfigError, DataError
from learning.backbones.features import Features
from learning.backbones.zoo import DEFAULT, BackboneInfo, describe, resolve
from learning.graph.maps import MapCanvas
from learning.methods.feature_source import BackboneSource, FeatureSource, SourceRequest
from learning.options import check_option_names, make_choice_parser, option

Embeddings = dict[str, npt.NDArray[np.float32]]
"""What a method keeps of n pictures. The first axis of every array is the picture."""

Maps = npt.NDArray[np.float32]
"""(n, H, W)."""

Scores = npt.NDArray[np.float32]
"""(n,)."""

MAX_MODEL_BYTES: Final = 1_500_000_000
"""Largest bank or weights that an engine file holds."""

ModelT = TypeVar("ModelT")


INT8: Final = "int8"
"""Precision of a bank in codes of 8 bits, for int8 engines only."""

precision_name: Final = make_choice_parser("precision", ("float32", "float16"))


def check_model_size(size: int, what: str, advice: str) -> None:
    """size: bytes. Raises DataError above MAX_MODEL_BYTES. what, advice: of the message."""
    if size > MAX_MODEL_BYTES:
        raise DataError(
            f"{what} would take {size / 1e9:.1f} GB, above the limit of "
            f"{MAX_MODEL_BYTES / 1e9:.1f}: use {advice}"
        )


def check_first_is_finest(info: BackboneInfo, names: Sequence[str]) -> None:
    """Raises ConfigError if a layer has a finer grid than the first, whose grid is scored."""
    strides = {name: info.output(name).stride or 0 for name in names}
    finest = min(names, key=lambda name: strides[name])
    if strides[names[0]] > strides[finest]:
        raise ConfigError(
            f"layer {finest} has a finer grid than {names[0]}, the first of the layers, whose "
            f"grid is scored: name {finest} first"
        )


def layer_names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


PRECISION: Final = option("precision of what is stored: float32 or float16", precision_name)
LAYERS: Final = option("layers of the backbone, separated by commas", layer_names)


class Scorer(ABC, Generic[ModelT]):
    """Computes anomaly maps and scores with a model that exists already.

    name: as in METHODS. top_fraction: default share of the map whose mean is the image score, 0
    for its maximum; None if the score is not read off the map.
    default_backbone: name of a backbone; "" for a method whose user must name one, None for a
    method without one.

    A method has two parts. `open_source` gives its features: by default one pass of a backbone; a
    method that needs no backbone, several passes or a second network returns its own FeatureSource.
    The other functions turn features into scores, in three forms: `head` in the graph, `measure` in
    batched numpy for scoring normal pictures, and `reference` in float64. The engine file is
    checked against `reference`, so it is written as literally as possible and shares no code with
    the others. Maps are never negative, larger where more anomalous, and 0 outside the canvas'
    region.

    Constants that are computed once, such as vectors of text prompts, belong in the model.
    """

    name: ClassVar[str]
    top_fraction: ClassVar[float | None]
    default_backbone: ClassVar[str | None] = DEFAULT
    precision: str = "float32"
    layers: tuple[str, ...] | None = None

    @classmethod
    def find_backbone(cls, name_or_path: str | None) -> Path | None:
        """The backbone's file; name_or_path None is the method's default. Returns None for a method
        without a backbone. Raises ConfigError for a name or file that does not exist, and for a
        method that uses no backbone."""
        if cls.default_backbone is None:
            if name_or_path is not None:
                raise ConfigError(f"method {cls.name} uses no backbone: leave out {name_or_path}")
            return None
        return resolve(name_or_path or cls.default_backbone)

    def open_source(self, request: SourceRequest) -> FeatureSource:
        """Opens what computes this method's features. Raises ConfigError for a size or a layer that
        the backbone does not have, EngineError if it cannot be opened."""
        if request.backbone is None:
            raise ConfigError(f"method {self.name} needs a backbone: give its file")
        info = describe(request.backbone)
        info.check_size(request.input_hw)
        return BackboneSource(
            request.backbone, self.outputs(info), threads=request.threads, device=request.device
        )

    def outputs(self, info: BackboneInfo) -> tuple[str, ...]:
        """The backbone's outputs that are used: `layers`, or all its grids if that is None.

        Raises ConfigError for a layer that the backbone does not have, that is no grid or that is
        named twice.
        """
        if not self.layers:
            return tuple(output.name for output in info.outputs if output.stride is not None)
        for layer in self.layers:
            if self.layers.count(layer) > 1:
                raise ConfigError(f"layer {layer} is named twice")
            if info.output(layer).stride is None:
                raise ConfigError(f"layer {layer} of backbone {info.name} has no grid to compare")
        return self.layers

    @property
    def highest(self) -> float:
        """The largest possible score, of the picture or of a pixel."""
        return math.inf

    @property
    def tolerance(self) -> float:
        """Largest allowed difference between `head` and `reference`, as a share of the largest
        value (or of 1, if that is larger). Rounding alone makes less than 1e-6, measured on engines
        that compare positions; a wrong border rule or an off-by-one position makes more than
        1e-3."""
        return 1e-4

    @abstractmethod
    def embed(self, features: Features) -> Embeddings:
        """What the method keeps of a batch of normal pictures."""

    @abstractmethod
    def measure(
        self, model: ModelT, embeddings: Embeddings, canvas: MapCanvas
    ) -> tuple[Maps, Scores]:
        """Maps and scores of the embeddings of pictures."""

    @abstractmethod
    def head(
        self, model: ModelT, features: Mapping[str, Var], canvas: MapCanvas
    ) -> tuple[Var, Var]:
        """Features in the graph -> anomaly map (N, H, W) and score (N,), float32."""

    @abstractmethod
    def reference(
        self, model: ModelT, features: Features, canvas: MapCanvas
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Maps and scores in float64."""

    @abstractmethod
    def describe(self, model: ModelT) -> dict[str, Any]:
        """Options and figures of the model as plain values, for the spec and for people. One of
        them is `model_bytes`, the size of what was learned."""


class Method(Scorer[ModelT]):
    """A method that is fitted from normal pictures. A subclass is a frozen dataclass whose fields
    are its options, each with `option(...)` as its metadata: they become options of the command
    line. takes_copies: few pictures are fitted together with altered copies, see
    learning.augmentation."""

    takes_copies: ClassVar[bool] = True

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Raises ConfigError for an option that this method does not have or cannot use."""
        check_option_names(cls, options, f"method {cls.name}")
        return cls(**options)

    def in_int8(self) -> Self:
        """The method for an int8 engine. By default only the backbone is int8."""
        return self

    @abstractmethod
    def fit(self, embeddings: Embeddings, seed: int) -> ModelT:
        """Raises DataError for a model larger than MAX_MODEL_BYTES."""
