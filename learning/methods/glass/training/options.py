"""Options of GLASS training (ECCV 2024). The defaults are the published values."""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Final

from inspector.core.errors import ConfigError
from learning.backbones.zoo import BackboneInfo
from learning.methods.glass.training.distribution import CHOICES
from learning.options import check_within, gigabytes, integer, number, option, switch
from learning.training_options import TrainingOptions

PUBLISHED: Final = "wide_resnet50_2"
"""The backbone whose features the published constants were chosen on."""

PATCH_NORM: Final = 1.0
"""Root mean square length that the patch vectors of other backbones are scaled to: as long as the
largest published radius. With EfficientNet-Lite0, whose length is 42, radii of 0.5 to 1 would be
small compared with the variation among normal pictures, and training learns nearly nothing."""

PUBLISHED_RATE: Final = 1e-4
FASTER_RATE: Final = 5e-4
"""Learning rate for other backbones and short trainings. At 1e-3 the maps differ much from one
validation to the next."""

MOST_SIZE: Final = 8192
"""Most values of a patch vector or of the discriminator's layer. A weight has the square of it."""


@dataclass(frozen=True, slots=True)
class GlassOptions(TrainingOptions):
    """dims, hidden: of the patch vectors and the discriminator; None follows the backbone, see
    `sizes`. patch_norm: root mean square length that the normals' patch vectors are scaled to; 0
    does not scale them. None does not scale them for PUBLISHED and uses PATCH_NORM for others.
    learning_rate: of the projection, the discriminator's is twice of it; None is PUBLISHED_RATE
    for PUBLISHED and FASTER_RATE for others.
    epochs: each ends once more than `limit` pictures were seen. noise: standard deviation. radius,
    hard: quantiles, see StepSettings. cache_bytes: of patch vectors of normal pictures that are
    kept.
    """

    epochs: int = field(
        default=640,
        metadata=option("epochs; each ends once more than --limit pictures were seen", integer),
    )
    batch: int = field(default=8, metadata=option("pictures per step", integer))
    limit: int = field(default=392, metadata=option("pictures per epoch, see --epochs", integer))
    steps: int = field(default=20, metadata=option("steps of the gradient ascent", integer))
    noise: float = field(
        default=0.015, metadata=option("standard deviation of the noise on features", number)
    )
    step_size: float = field(
        default=0.001, metadata=option("length of each of these steps", number)
    )
    radius: float = field(
        default=0.75,
        metadata=option("quantile of distances to the centre, for a hypersphere", number),
    )
    hard: float = field(
        default=0.5,
        metadata=option(
            "quantile of errors above which patches count", number, flag="p", metavar="P"
        ),
    )
    mining: bool = field(
        default=True, metadata=switch("train without the gradient ascent", flag="no-mining")
    )
    distribution: str = field(
        default="auto", metadata=option("shape of the normal features", str, choices=CHOICES)
    )
    beta_mean: float = 0.5
    beta_std: float = 0.1
    learning_rate: float | None = field(
        default=None,
        metadata=option(
            f"learning rate; default: {PUBLISHED_RATE} for {PUBLISHED}, else {FASTER_RATE}",
            number,
        ),
    )
    dims: int | None = field(
        default=None,
        metadata=option(
            "values of a patch vector; default: channels of the layers together", integer
        ),
    )
    hidden: int | None = field(
        default=None,
        metadata=option("values inside the discriminator; default: two thirds of --dims", integer),
    )
    patch_norm: float | None = field(
        default=None,
        metadata=option("length that patch vectors are scaled to; 0: not scaled", number),
    )
    cache_bytes: int = field(
        default=4_000_000_000,
        metadata=option(
            "size of the features that stay in memory, in GB (default: 4)",
            gigabytes,
            flag="cache-gb",
            metavar="GB",
        ),
    )

    def __post_init__(self) -> None:
        TrainingOptions.__post_init__(self)
        for key in ("epochs", "batch", "limit"):
            check_within(key, getattr(self, key), 1)
        for key in ("steps", "cache_bytes"):
            check_within(key, getattr(self, key), 0)
        for key in ("radius", "hard"):
            check_within(key, getattr(self, key), 0, 1)
        for key in ("noise", "step_size", "beta_mean", "learning_rate"):
            if getattr(self, key) is not None:
                _positive(key, getattr(self, key))
        for key in ("dims", "hidden"):
            if getattr(self, key) is not None:
                check_within(key, getattr(self, key), 1, MOST_SIZE)
        for key in ("beta_std", "patch_norm"):
            if getattr(self, key) is not None:
                check_within(key, getattr(self, key), 0)
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
        """None if the patch vectors stay as they are."""
        if self.patch_norm is None:
            return None if info.name == PUBLISHED else PATCH_NORM
        return self.patch_norm or None

    def rate(self, info: BackboneInfo) -> float:
        if self.learning_rate is None:
            return PUBLISHED_RATE if info.name == PUBLISHED else FASTER_RATE
        return self.learning_rate

    def resumable(self, info: BackboneInfo, layers: tuple[str, ...]) -> dict[str, Any]:
        """The settings that a resumed training must share with the one before: all except its
        length and those that do not change the result. Settings that depend on the backbone have
        their final values."""
        free = {"epochs", "patience", "cache_bytes", "threads", "device"}
        shared = {key: value for key, value in dataclasses.asdict(self).items() if key not in free}
        dims, hidden = self.sizes(info, layers)
        return shared | {
            "dims": dims,
            "hidden": hidden,
            "patch_norm": self.target_norm(info) or 0.0,
            "learning_rate": self.rate(info),
        }


def _positive(key: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ConfigError(f"{key} must be a finite number above 0, not {value}")
