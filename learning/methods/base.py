"""What a method of finding anomalies is, and the tables of them."""

import dataclasses
import importlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
from spox import Var

from engines.spec import PRECISIONS
from inspector.core.errors import ConfigError
from learning.backbones.zoo import BackboneInfo
from learning.graph.maps import Canvas

METHODS: Final[dict[str, str]] = {
    "rad": "learning.methods.rad.method:Rad",
    "patchcore": "learning.methods.patchcore.method:PatchCore",
    "padim": "learning.methods.padim.method:Padim",
}
"""Methods that are fitted from normal pictures alone: name -> "module:Class", resolved when asked
for."""

TRAINED: Final[dict[str, str]] = {"glass": "learning.methods.glass.method:Glass"}
"""Those whose model comes from a training: the same."""

Features = Mapping[str, npt.NDArray[np.float32]]
"""Output of the backbone -> (n, C, h, w), or (n, C) for a descriptor such as a class token."""

Embeddings = dict[str, npt.NDArray[np.float32]]
"""What a method keeps of n pictures; the first axis of every array is the picture."""

Maps = npt.NDArray[np.float32]
"""(n, H, W)."""

Scores = npt.NDArray[np.float32]
"""(n,)."""

MAX_MODEL_BYTES: Final = 1_500_000_000
"""Largest bank or weights that an engine file holds."""

ModelT = TypeVar("ModelT")


def option(help_text: str, parse: Callable[[str], Any]) -> dict[str, Any]:
    """Metadata of a setting: what it does, and how its text becomes its value (ConfigError where
    it cannot)."""
    return {"help": help_text, "parse": parse}


def whole_number(text: str) -> int:
    """Raises ConfigError for anything but digits."""
    if not text.isdecimal() or len(text) > 9:
        raise ConfigError(f"{text!r} is not a whole number from 0 to 999999999")
    return int(text)


def precision_name(text: str) -> str:
    """Raises ConfigError for another precision than float32 and float16."""
    if text not in PRECISIONS:
        raise ConfigError(f"precision must be float32 or float16, not {text!r}")
    return text


def layer_names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


PRECISION: Final = option("of what is stored: float32 or float16", precision_name)
LAYERS: Final = option("of the backbone, separated by commas", layer_names)


class Scorer(ABC, Generic[ModelT]):
    """What a method computes of a model that is there already.

    top_fraction: default share of the map whose mean is the image score, 0 for its maximum; None
    where the score is not read off the map. highest: the largest value that a score can have.

    The same scores come in three forms: `head` in the graph, `measure` in batched numpy for
    scoring normals, and `reference` in float64, written as literally as possible and sharing no
    code with the others, which the exported file is checked against. Maps are never negative,
    larger where more anomalous, and 0 outside the canvas' region.
    """

    name: ClassVar[str]
    top_fraction: ClassVar[float | None]
    highest: ClassVar[float] = math.inf
    precision: str
    layers: tuple[str, ...] | None

    def outputs(self, info: BackboneInfo) -> tuple[str, ...]:
        """The backbone's outputs that are used: `layers`, or all its grids unless that names some.

        Raises ConfigError for a layer that it lacks, that is no grid or that is named twice.
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
    def tolerance(self) -> float:
        """Largest difference between `head` and `reference` that is put down to the arithmetic, as
        a share of the largest value (or of 1, if that is larger). Measured on RAD engines: under
        1e-6; a wrong border rule or an off-by-one position makes more than 1e-3."""
        return 1e-4

    @abstractmethod
    def embed(self, features: Features) -> Embeddings:
        """What is kept of a batch of normal pictures."""

    @abstractmethod
    def measure(
        self, model: ModelT, embeddings: Embeddings, canvas: Canvas
    ) -> tuple[Maps, Scores]: ...

    @abstractmethod
    def head(self, model: ModelT, features: Mapping[str, Var], canvas: Canvas) -> tuple[Var, Var]:
        """Backbone outputs -> anomaly map (N, H, W) and score (N,), float32."""

    @abstractmethod
    def reference(
        self, model: ModelT, features: Features, canvas: Canvas
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Maps and scores in float64."""

    @abstractmethod
    def describe(self, model: ModelT) -> dict[str, Any]:
        """Settings and figures of the model as plain values, for the spec and for people; among
        them `model_bytes`, the size of what was learned."""


class Method(Scorer[ModelT]):
    """A method that is fitted from normal pictures, with its settings. A subclass is a frozen
    dataclass whose fields are the settings, each with `option(...)` as its metadata: they become
    options of the command line."""

    @classmethod
    def settings(cls) -> tuple["dataclasses.Field[Any]", ...]:
        return dataclasses.fields(cls)  # type: ignore[arg-type]

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Raises ConfigError for an option that this method does not have or cannot use."""
        known = {field.name for field in cls.settings()}
        for key in options:
            if key not in known:
                names = ", ".join(sorted(known))
                raise ConfigError(f"method {cls.name} has no option {key}; it has {names}")
        return cls(**options)

    @abstractmethod
    def fit(self, embeddings: Embeddings, seed: int) -> ModelT:
        """Raises DataError where the model would pass MAX_MODEL_BYTES."""


def method_class(name: str) -> type[Method[Any]]:
    """Of METHODS. Raises ConfigError for an unknown method, and for one that is trained."""
    if name in TRAINED:
        raise ConfigError(f"method {name} is trained, not fitted: use `line-inspector train`")
    if name not in METHODS:
        raise ConfigError(f"method {name!r} is unknown; known: {', '.join(METHODS)}")
    module, _, attribute = METHODS[name].partition(":")
    cls: type[Method[Any]] = getattr(importlib.import_module(module), attribute)
    return cls


def make_method(name: str, options: Mapping[str, Any]) -> Method[Any]:
    """Raises ConfigError for an unknown method or option."""
    return method_class(name).from_options(options)
