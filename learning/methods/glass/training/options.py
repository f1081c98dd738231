"""Settings of GLASS training (ECCV 2024), the published ones by default."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Final

from inspector.core.errors import ConfigError
from learning.backbones.zoo import BackboneInfo
from learning.methods.glass.training.distribution import CHOICES

PUBLISHED: Final = "wide_resnet50_2"
"""The backbone whose features the published constants were chosen on."""

PATCH_NORM: Final = 1.0
"""Root mean square length that the patch vectors of other backbones are scaled to: as long as the
largest published radius. With EfficientNet-Lite0, whose own length is 42, radii of 0.5 to 1 would
be lost in what varies among normal pictures, and training learns next to nothing."""

PUBLISHED_RATE: Final = 1e-4
FASTER_RATE: Final = 5e-4
"""Of other backbones, for short schedules; at 1e-3 the maps of one validation differ much from
those of the next."""

MOST_SIZE: Final = 8192
"""Of a patch vector or the discriminator: its square is the size of a weight."""

MOST_THREADS: Final = 256


@dataclass(frozen=True, slots=True)
class GlassOptions:
    """dims, hidden: of the patch vectors and the discriminator; None follows the backbone, see
    `sizes`. patch_norm: root mean square length that the normals' patch vectors are scaled to; 0
    leaves them as they are, None does so for PUBLISHED alone and takes PATCH_NORM for others.
    learning_rate: of the projection, the discriminator's is twice of it; None is PUBLISHED_RATE
    for PUBLISHED and FASTER_RATE for others.
    epochs: each ends once more than `limit` pictures were seen. noise: standard deviation. radius,
    hard: quantiles, see StepSettings. every: epochs from one validation to the next. patience:
    validations without improvement before training stops; 0 never. cache_bytes: of patch vectors
    of normal pictures that are kept. threads: 0 lets torch choose.
    """

    epochs: int = 640
    batch: int = 8
    limit: int = 392
    steps: int = 20
    noise: float = 0.015
    step_size: float = 0.001
    radius: float = 0.75
    hard: float = 0.5
    mining: bool = True
    distribution: str = "auto"
    beta_mean: float = 0.5
    beta_std: float = 0.1
    learning_rate: float | None = None
    dims: int | None = None
    hidden: int | None = None
    patch_norm: float | None = None
    every: int = 10
    patience: int = 0
    seed: int = 0
    device: str = "cpu"
    amp: bool = False
    threads: int = 0
    cache_bytes: int = 4_000_000_000

    def __post_init__(self) -> None:
        for key in ("epochs", "batch", "limit", "every"):
            _at_least(key, getattr(self, key), 1)
        for key in ("steps", "patience", "seed", "threads", "cache_bytes"):
            _at_least(key, getattr(self, key), 0)
        for key in ("noise", "step_size", "beta_mean"):
            _positive(key, getattr(self, key))
        if self.learning_rate is not None:
            _positive("learning_rate", self.learning_rate)
        for key in ("radius", "hard"):
            if not 0 <= getattr(self, key) <= 1:
                raise ConfigError(f"{key} must lie within 0 and 1, not {getattr(self, key)}")
        for key in ("dims", "hidden"):
            if getattr(self, key) is not None:
                _at_least(key, getattr(self, key), 1)
                _at_most(key, getattr(self, key), MOST_SIZE)
        _at_most("threads", self.threads, MOST_THREADS)
        for key in ("beta_std", "patch_norm"):
            value = getattr(self, key)
            if value is not None and not 0 <= value < math.inf:
                raise ConfigError(f"{key} must be a finite number of at least 0, not {value}")
        if self.distribution not in CHOICES:
            known = ", ".join(CHOICES)
            raise ConfigError(f"distribution must be one of {known}, not {self.distribution!r}")

    def sizes(self, info: BackboneInfo, layers: tuple[str, ...]) -> tuple[int, int]:
        """(dims, hidden): by default as many values as the layers have channels together, and two
        thirds of that: the published 1536 and 1024 for WideResNet50, 152 and 101 for Lite0."""
        channels = sum(info.output(layer).channels for layer in layers)
        dims = channels if self.dims is None else self.dims
        return dims, max(1, dims * 2 // 3) if self.hidden is None else self.hidden

    def target_norm(self, info: BackboneInfo) -> float | None:
        """None where the patch vectors stay as they are."""
        if self.patch_norm is None:
            return None if info.name == PUBLISHED else PATCH_NORM
        return self.patch_norm or None

    def rate(self, info: BackboneInfo) -> float:
        if self.learning_rate is None:
            return PUBLISHED_RATE if info.name == PUBLISHED else FASTER_RATE
        return self.learning_rate

    def resumable(self, info: BackboneInfo, layers: tuple[str, ...]) -> dict[str, Any]:
        """The settings that a resumed training must share with the one that it goes on from: all
        but its length and what does not change the result, with what follows the backbone as it
        was settled."""
        free = {"epochs", "patience", "cache_bytes", "threads", "device"}
        kept = {key: value for key, value in dataclasses.asdict(self).items() if key not in free}
        dims, hidden = self.sizes(info, layers)
        return kept | {
            "dims": dims,
            "hidden": hidden,
            "patch_norm": self.target_norm(info) or 0.0,
            "learning_rate": self.rate(info),
        }


def _at_least(key: str, value: int, least: int) -> None:
    if value < least:
        raise ConfigError(f"{key} must be at least {least}, not {value}")


def _at_most(key: str, value: int, most: int) -> None:
    if value > most:
        raise ConfigError(f"{key} must be at most {most}, not {value}")


def _positive(key: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ConfigError(f"{key} must be a finite number above 0, not {value}")
