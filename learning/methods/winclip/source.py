"""Features of a CLIP backbone whose text tower takes part in the model."""

from pathlib import Path

import numpy as np

from inspector.core.errors import ConfigError
from learning.backbones.clip_text import TextEncoder, describe_text
from learning.graph.features import Array, normalise_numpy
from learning.methods.feature_source import BackboneSource, SourceRequest


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


def text_anchors(text: Path, prompts: list[list[str]]) -> Array:
    """(len(prompts), channels) unit vectors: of each list of prompts the mean of their vectors,
    which are not made equally long before."""
    with TextEncoder(text) as encoder:
        means = np.stack([encoder.encode(each).mean(axis=0) for each in prompts])
    return normalise_numpy(means)
