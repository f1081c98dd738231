"""What the methods with a CLIP share: its two files, and the vectors of its prompts."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from inspector.core.errors import ConfigError
from learning.backbones.clip_text import TextEncoder, describe_text
from learning.backbones.zoo import describe
from learning.graph.features import normalise_numpy
from learning.methods.base import Method, ModelT
from learning.methods.clip_prompts import (
    ANOMALOUS_STATES,
    NORMAL_STATES,
    TEMPLATES,
    make_prompts,
    parse_templates,
    product_name,
)
from learning.methods.feature_source import BackboneSource, FeatureSource, SourceRequest
from learning.options import option

MAKE_CLIP: Final = "`line-inspector export-clip NAME --out clip.onnx`"

Array = npt.NDArray[np.float32]


class ClipSource(BackboneSource):
    """One pass of the visual tower. text: file of the text tower, whose hash the spec has.

    Raises ConfigError if both files are not of the same CLIP.
    """

    def __init__(
        self, backbone: Path, layers: tuple[str, ...], text: Path, *, threads: int, device: str
    ) -> None:
        super().__init__(backbone, layers, threads=threads, device=device)
        tower, _ = describe_text(text)
        if tower.weights_sha256 != self.info.weights_sha256:
            raise ConfigError(
                f"{text} is the text tower of {tower.name}, and {backbone} the backbone of "
                f"{self.info.name}: they were exported from different weights"
            )
        self._text = tower

    @property
    def files(self) -> dict[str, str]:
        return super().files | {"text_tower": self._text.sha256}


@dataclass(frozen=True)
class ClipMethod(Method[ModelT]):
    """text: file of the text tower; needed to fit."""

    takes_copies: ClassVar[bool] = False
    default_backbone: ClassVar[str | None] = ""

    text: str | None = field(
        default=None,
        metadata=option(
            "file of the text tower that export-clip wrote beside the backbone",
            str,
            metavar="CLIP.text.onnx",
        ),
    )
    class_name: str = field(
        default="object", metadata=option("what the pictures show, in the prompts", product_name)
    )
    templates: int = field(
        default=21,
        metadata=option(
            "sentences for each state: 21 (as in published programs; default) or 22 (as in the "
            "paper)",
            parse_templates,
        ),
    )

    def __post_init__(self) -> None:
        product_name(self.class_name)
        parse_templates(str(self.templates))

    @classmethod
    def find_backbone(cls, name_or_path: str | None) -> Path | None:
        if name_or_path is None:
            raise ConfigError(
                f"method {cls.name} has no default backbone: make one by {MAKE_CLIP}, and give it "
                "with --backbone"
            )
        return super().find_backbone(name_or_path)

    def open_source(self, request: SourceRequest) -> FeatureSource:
        if request.backbone is None or self.text is None:
            raise ConfigError(
                f"method {self.name} needs both files of a CLIP: --backbone clip.onnx --text "
                f"clip.text.onnx; make them by {MAKE_CLIP}"
            )
        info = describe(request.backbone)
        layers = self.outputs(info)
        info.check_size(request.input_hw)
        return ClipSource(
            request.backbone,
            layers,
            Path(self.text),
            threads=request.threads,
            device=request.device,
        )

    @cached_property
    def anchors(self) -> Array:
        """(2, channels) unit vectors, of the normal and of the anomalous states: the mean of the
        vectors of their prompts, which are not made equally long before. Computed once, however
        many models are fitted to choose thresholds. Raises ConfigError without `text`."""
        if self.text is None:
            raise ConfigError("the vectors of prompts need --text, the file of the text tower")
        with TextEncoder(Path(self.text)) as encoder:
            means = [
                encoder.encode(make_prompts(self.class_name, states, self.templates)).mean(axis=0)
                for states in (NORMAL_STATES, ANOMALOUS_STATES)
            ]
        return normalise_numpy(np.stack(means))

    def describe_prompts(self) -> dict[str, Any]:
        """States and sentences, for the spec."""
        return {
            "class_name": self.class_name,
            "templates": self.templates,
            "normal_states": list(NORMAL_STATES),
            "anomalous_states": list(ANOMALOUS_STATES),
            "sentences": list(TEMPLATES[self.templates]),
        }
