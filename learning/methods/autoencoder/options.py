"""Options of the training of the autoencoder, and presets of them for kinds of products."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from inspector.core.errors import ConfigError
from learning.methods.autoencoder.error_maps import ERRORS
from learning.methods.autoencoder.model import DEPTH
from learning.options import check_within, integer, number, option, switch
from learning.training_options import TrainingOptions

RECONSTRUCTIONS: Final = ("mse", "l1", "focal")
OPTIMISERS: Final = ("adam", "adamw", "sgd")
SCHEDULES: Final = ("cosine", "plateau", "step", "constant")

PRESETS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "none": {},
        "capsule": {"rotation_deg": 5.0, "flips": "horizontal", "elastic": 0.2},
        "hazelnut": {"rotation_deg": 180.0, "flips": "both", "distortion": 0.1},
        "screw": {"rotation_deg": 180.0, "flips": "none", "brightness": 0.1},
        "multi": {"rotation_deg": 10.0, "flips": "none", "widths": (48, 96, 192, 384)},
    }
)
"""Options for kinds of products. A capsule lies in one direction, a hazelnut in any. A screw lies
in any direction and is never mirrored. multi is for several products in one engine. A preset
replaces only options that have their default value."""

FLIPS: Final = ("none", "horizontal", "vertical", "both")

MOST_WIDTH: Final = 4096


def widths(text: str) -> tuple[int, ...]:
    """Four whole numbers, separated by commas. Raises ConfigError."""
    return tuple(integer(part) for part in text.split(","))


@dataclass(frozen=True, slots=True)
class AutoencoderOptions(TrainingOptions):
    """widths: channels from the largest size to the bottleneck. focal_power: of the error, for
    focal. skip_dropout: share of the channels that a skip loses in each step. first_skip: whether
    the decoder sees the encoder at full size. corruption: share of the pictures that are shown with
    simulated defects; the network must redraw them without. clip: largest norm of the gradient, 0
    for no limit.
    """

    preset: str = field(
        default="none",
        metadata=option(
            "options for a kind of product; they replace defaults only", str, choices=tuple(PRESETS)
        ),
    )
    epochs: int = field(default=100, metadata=option("times that all pictures are seen", integer))
    batch: int = field(default=8, metadata=option("pictures per step", integer))
    widths: tuple[int, ...] = field(
        default=(32, 64, 128, 256),
        metadata=option(
            "channels from the full size to the bottleneck (default: 32,64,128,256)", widths
        ),
    )
    batch_norm: bool = field(
        default=True, metadata=switch("train without batch norm", flag="no-batch-norm")
    )
    reconstruction: str = field(
        default="mse", metadata=option("loss of the reconstruction", str, choices=RECONSTRUCTIONS)
    )
    focal_power: float = field(
        default=1.0, metadata=option("power of the error that weights the focal loss", number)
    )
    reconstruction_weight: float = field(
        default=1.0, metadata=option("weight of the reconstruction in the loss", number)
    )
    ssim_weight: float = field(default=0.5, metadata=option("weight of 1 - SSIM", number))
    perceptual_weight: float = field(
        default=0.1,
        metadata=option("weight of the difference of backbone features", number),
    )
    edge_weight: float = field(
        default=0.0, metadata=option("weight of the difference of Sobel edges", number)
    )
    first_skip: bool = field(
        default=False, metadata=switch("the decoder also sees the encoder at full size")
    )
    skip_dropout: float = field(
        default=0.0, metadata=option("share of channels that skips lose in training", number)
    )
    corruption: float = field(
        default=1.0,
        metadata=option(
            "share of pictures that are shown with simulated defects and redrawn without", number
        ),
    )
    corruption_weight: float = field(
        default=1.0,
        metadata=option("weight of the squared error of the pixels of simulated defects", number),
    )
    optimiser: str = field(default="adam", metadata=option("optimiser", str, choices=OPTIMISERS))
    learning_rate: float = field(default=1e-3, metadata=option("learning rate", number))
    weight_decay: float = field(default=0.0, metadata=option("weight decay", number))
    schedule: str = field(
        default="cosine", metadata=option("how the learning rate falls", str, choices=SCHEDULES)
    )
    clip: float = field(
        default=1.0, metadata=option("largest norm of the gradient; 0: no limit", number)
    )
    rotation_deg: float = field(
        default=0.0, metadata=option("largest rotation of a picture, degrees", number)
    )
    flips: str = field(
        default="none", metadata=option("how pictures are mirrored", str, choices=FLIPS)
    )
    elastic: float = field(
        default=0.0, metadata=option("elastic distortion, as a share of 5 % of the side", number)
    )
    distortion: float = field(
        default=0.0, metadata=option("grid and lens distortion, as a share of the side", number)
    )
    brightness: float = field(default=0.05, metadata=option("largest change of brightness", number))
    contrast: float = field(default=0.05, metadata=option("largest change of contrast", number))
    noise: float = field(
        default=0.01, metadata=option("largest standard deviation of noise; 1 is white", number)
    )
    error: str = field(
        default="blend",
        metadata=option(
            "what the map shows: the difference of picture and redrawn picture", str, choices=ERRORS
        ),
    )
    share: float = field(
        default=0.5, metadata=option("share of 1 - SSIM in the error blend", number)
    )

    def __post_init__(self) -> None:
        TrainingOptions.__post_init__(self)
        self._apply_preset()
        for key in ("epochs", "batch"):
            check_within(key, getattr(self, key), 1)
        for key in (*_WEIGHTS, *_AMOUNTS):
            check_within(key, getattr(self, key), 0)
        for key in ("corruption", "share", "brightness", "contrast", "noise"):
            check_within(key, getattr(self, key), 0, 1)
        check_within("distortion", self.distortion, 0, 0.5)
        check_within("skip_dropout", self.skip_dropout, 0, 0.95)
        if not 0 < self.learning_rate < math.inf:
            raise ConfigError(f"learning_rate must be above 0, not {self.learning_rate}")
        if len(self.widths) != DEPTH + 1 or not all(1 <= w <= MOST_WIDTH for w in self.widths):
            raise ConfigError(
                f"widths must be {DEPTH + 1} numbers from 1 to {MOST_WIDTH}, not {self.widths}"
            )
        if not any(getattr(self, key) for key in _WEIGHTS):
            raise ConfigError("all weights of the loss are 0: nothing would be learned")
        for key, choices in _CHOICES.items():
            if getattr(self, key) not in choices:
                known = ", ".join(choices)
                raise ConfigError(f"{key} must be one of {known}, not {getattr(self, key)!r}")

    def _apply_preset(self) -> None:
        if self.preset not in PRESETS:
            known = ", ".join(PRESETS)
            raise ConfigError(f"preset must be one of {known}, not {self.preset!r}")
        defaults = {each.name: each.default for each in dataclasses.fields(AutoencoderOptions)}
        for key, value in PRESETS[self.preset].items():
            if getattr(self, key) == defaults[key]:
                object.__setattr__(self, key, value)

    @property
    def skips(self) -> tuple[bool, ...]:
        """Which steps of the decoder see the encoder, from the smallest size."""
        return (True,) * (DEPTH - 1) + (self.first_skip,)

    def resumable(self) -> dict[str, Any]:
        """The options that a resumed training must have in common with the earlier one.

        Options that do not change the result are left out. The number of epochs is among them,
        because the learning rate depends on it.
        """
        free = {"patience", "threads", "device"}
        return {key: value for key, value in self.plain().items() if key not in free}

    def plain(self) -> dict[str, Any]:
        fields = dataclasses.fields(AutoencoderOptions)
        values = {each.name: getattr(self, each.name) for each in fields}
        return values | {"widths": list(self.widths)}


_WEIGHTS: Final = ("reconstruction_weight", "ssim_weight", "perceptual_weight", "edge_weight")
_AMOUNTS: Final = (
    "corruption_weight",
    "clip",
    "weight_decay",
    "focal_power",
    "rotation_deg",
    "elastic",
)
_CHOICES: Final = {
    "reconstruction": RECONSTRUCTIONS,
    "optimiser": OPTIMISERS,
    "schedule": SCHEDULES,
    "flips": FLIPS,
    "error": ERRORS,
}
