"""Connects the training of the autoencoder with `line-inspector train`. Only a run needs torch."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from learning.backbones.zoo import DEFAULT, resolve
from learning.methods.autoencoder.method import Autoencoder
from learning.methods.autoencoder.options import AutoencoderOptions
from learning.methods.feature_source import FeatureSource
from learning.options import option
from learning.torch_weights import file_sha256
from learning.training import PreparedTraining, Trainer, TrainingJob, import_with_torch

RUN = "learning.methods.autoencoder.training.run"
"""The module that needs torch."""


@dataclass(frozen=True)
class AutoencoderTraining(AutoencoderOptions, Trainer):
    """perceptual: features that the perceptual loss compares: a backbone file (.onnx), its name, or
    VGG16 weights of torchvision (.pth, compared at relu3_3). See AutoencoderOptions for the
    others."""

    name: ClassVar[str] = "autoencoder"
    default_size: ClassVar[int] = 128

    perceptual: str = field(
        default=DEFAULT,
        metadata=option(
            f"features of the perceptual loss: a backbone's name or file, or VGG16 weights (.pth) "
            f"(default: {DEFAULT})",
            str,
        ),
    )

    @property
    def scorer(self) -> Autoencoder:
        return Autoencoder(self.error, self.share)

    @property
    def perceptual_file(self) -> Path | None:
        """None if the loss does not compare features. Raises ConfigError for a missing file."""
        if not self.perceptual_weight:
            return None
        path = Path(self.perceptual)
        return path if path.suffix in (".pth", ".pt") else resolve(self.perceptual)

    def require(self) -> None:
        import_with_torch(RUN)

    def request(self, source: FeatureSource) -> dict[str, Any]:
        path = self.perceptual_file
        return {
            **self.resumable(),
            "perceptual": None if path is None else file_sha256(path),
        }

    def prepare(self, job: TrainingJob) -> PreparedTraining:
        prepared: PreparedTraining = import_with_torch(RUN).prepare(self, job)
        return prepared
