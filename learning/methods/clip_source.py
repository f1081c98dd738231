"""What the methods with a CLIP share: its two files, and the vectors of its prompts."""

from pathlib import Path
from typing import Final

import numpy as np

from inspector.core.errors import ConfigError
from learning.backbones.clip_text import TextEncoder, describe_text
from learning.backbones.zoo import BackboneInfo, describe
from learning.graph.features import Array, normalise_numpy
from learning.methods.clip_prompts import ANOMALOUS_STATES, NORMAL_STATES, make_prompts
from learning.methods.feature_source import BackboneSource, SourceRequest
from learning.options import option

MAKE_CLIP: Final = "`line-inspector export-clip NAME --out clip.onnx`"

TEXT_FILE: Final = option(
    "file of the text tower that export-clip wrote beside the backbone",
    str,
    metavar="CLIP.text.onnx",
)


class ClipSource(BackboneSource):
    """One pass of the visual tower. text: file of the text tower, whose hash the spec has.

    Raises ConfigError if both files are not of the same CLIP.
    """

    def __init__(self, request: SourceRequest, layers: tuple[str, ...], text: Path) -> None:
        if request.backbone is None:
            raise ConfigError("a CLIP needs the file of its visual tower")
        super().__init__(request.backbone, layers, threads=request.threads, device=request.device)
        tower, _ = describe_text(text)
        if tower.weights_sha256 != self.info.weights_sha256:
            raise ConfigError(
                f"{text} is the text tower of {tower.name}, and {request.backbone} the backbone of "
                f"{self.info.name}: they were exported from different weights"
            )
        self._text = tower

    @property
    def files(self) -> dict[str, str]:
        return super().files | {"text_tower": self._text.sha256}


def refuse_no_backbone(method: str, name_or_path: str | None) -> None:
    """Raises ConfigError if the user has named no backbone."""
    if name_or_path is None:
        raise ConfigError(
            f"method {method} has no default backbone: make one by {MAKE_CLIP}, and give it with "
            "--backbone"
        )


def check_clip(method: str, request: SourceRequest, text: str | None) -> tuple[BackboneInfo, Path]:
    """What the backbone says about itself, and the file of the text tower. Raises ConfigError if
    one of them is missing or the size does not fit."""
    if request.backbone is None or text is None:
        raise ConfigError(
            f"method {method} needs both files of a CLIP: --backbone clip.onnx --text "
            f"clip.text.onnx; make them by {MAKE_CLIP}"
        )
    info = describe(request.backbone)
    info.check_size(request.input_hw)
    return info, Path(text)


def text_anchors(text: str | None, class_name: str, templates: int) -> Array:
    """(2, channels) unit vectors, of the normal and of the anomalous states: the mean of the
    vectors of their prompts, which are not made equally long before. Raises ConfigError without a
    file of the text tower."""
    if text is None:
        raise ConfigError("the vectors of prompts need --text, the file of the text tower")
    with TextEncoder(Path(text)) as encoder:
        means = [
            encoder.encode(make_prompts(class_name, states, templates)).mean(axis=0)
            for states in (NORMAL_STATES, ANOMALOUS_STATES)
        ]
    return normalise_numpy(np.stack(means))
