"""Options of GLASS training, and what it needs from the pictures. It needs torch only to train."""

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from inspector.core.arrays import Mask
from learning.methods.base import layer_names
from learning.methods.feature_source import BackboneSource, FeatureSource
from learning.methods.glass.method import Glass
from learning.methods.glass.training.las import Synthesis
from learning.methods.glass.training.masks import read_foregrounds
from learning.methods.glass.training.options import GlassOptions
from learning.methods.glass.training.textures import BuiltInTextures, FolderTextures, Textures
from learning.normals import Normals
from learning.options import option
from learning.training import PreparedTraining, Trainer, TrainingJob, import_with_torch

RUN = "learning.methods.glass.training.run"
"""The module that needs torch."""


@dataclass(frozen=True)
class GlassTraining(GlassOptions, Trainer):
    """textures: folder of pictures that defects are made of; None for a built-in bank.
    defect_masks: folder of masks of where defects may be drawn; None for everywhere. layers: see
    Glass. See GlassOptions for the others."""

    name: ClassVar[str] = "glass"

    textures: Path | None = field(
        default=None,
        metadata=option("folder of pictures, such as DTD; default: a built-in bank", Path),
    )
    defect_masks: Path | None = field(
        default=None, metadata=option("folder of masks of where defects may be drawn", Path)
    )
    layers: tuple[str, ...] | None = field(
        default=None,
        metadata=option("layers of the backbone; default: those of strides 8 and 16", layer_names),
    )

    @property
    def scorer(self) -> Glass:
        return Glass(layers=self.layers)

    @cached_property
    def synthesis(self) -> Synthesis:
        """Raises DataError for a folder without textures."""
        textures: Textures = BuiltInTextures()
        if self.textures is not None:
            textures = FolderTextures(self.textures)
        return Synthesis(textures, self.beta_mean, self.beta_std)

    @property
    def network_options(self) -> GlassOptions:
        names = [field.name for field in dataclasses.fields(GlassOptions)]
        return GlassOptions(**{name: getattr(self, name) for name in names})

    def read_foregrounds(self, normals: Normals) -> Mask | None:
        """(n, H, W); None for everywhere. Raises DataError for a mask that is empty or missing."""
        if self.defect_masks is None:
            return None
        return read_foregrounds(self.defect_masks, normals.names, normals.rule)

    def require(self) -> None:
        import_with_torch(RUN)

    def request(self, source: FeatureSource) -> dict[str, Any]:
        assert isinstance(source, BackboneSource)
        return {
            **self.network_options.resumable(source.info, source.layers),
            "textures": self.synthesis.textures.name,
            "foreground": None if self.defect_masks is None else str(self.defect_masks),
        }

    def prepare(self, job: TrainingJob) -> PreparedTraining:
        prepared: PreparedTraining = import_with_torch(RUN).prepare(self, job)
        return prepared
