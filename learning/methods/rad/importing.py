"""Imports banks of RAD (ICML 2026): the published options, the crop of the pictures, the model."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Self

from inspector.core.errors import ConfigError
from learning.backbones.zoo import describe
from learning.importing import ImportedModel, Importer, ImportRequest
from learning.methods.rad.method import Rad
from learning.methods.rad.published_bank import RadBank, read_bank, room_beside
from learning.options import option, option_fields

TOP_K: Final = 150
"""Number of pictures that each picture is compared with, as published for MVTec AD."""

CROPPED: Final = 448
RESIZED: Final = 512
"""Sides that pictures are squashed to, and then cropped to from their middle, px."""

SIGMA: Final = CROPPED / 256
"""Published on a map of 256 px, here in pixels of the input."""

TOP_FRACTION: Final = 0.01
"""Share of the map whose mean is the published score."""

DIFFERS: Final = (
    "the map is as large as the input instead of 256x256 and is smoothed with a mirrored border "
    "instead of fading to zero; the score is the mean of the largest 1 % of it; pictures are "
    "halved and resized bilinearly instead of by an antialiased bilinear filter"
)
"""How the engine differs from the program that wrote the bank."""


def parse_span(text: str) -> range:
    """ "FROM:TO" -> range. Raises ConfigError."""
    start, _, stop = text.partition(":")
    if not (start.isdecimal() and stop.isdecimal() and int(start) < int(stop)):
        raise ConfigError(f"{text!r} is not FROM:TO, such as 0:100")
    return range(int(start), int(stop))


@dataclass(frozen=True)
class RadImporter(Importer):
    """pictures: of the bank; None is all. method: None for RAD as published."""

    name: ClassVar[str] = "rad"

    pictures: range | None = field(
        default=None,
        metadata=option(
            "pictures of the bank, from 0 (default: all)", parse_span, metavar="FROM:TO"
        ),
    )
    method: Rad | None = None

    @classmethod
    def option_fields(cls) -> tuple["dataclasses.Field[Any]", ...]:
        return (*super().option_fields(), *option_fields(Rad))

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        of_method = {key: value for key, value in options.items() if key != "pictures"}
        return cls(options.get("pictures"), published_rad(of_method))

    def read(self, request: ImportRequest) -> ImportedModel:
        method = self.method or published_rad({})
        bank = read_bank(request.file)
        backbone = request.find_backbone(bank.input_hw)
        info = describe(backbone)
        method = dataclasses.replace(method, layers=bank.layers(method, info))
        input_hw = bank.input_hw(bank.stride(method, info))
        _check_size(request, bank, input_hw)
        info.check_size(input_hw)
        resized = request.resize or round(input_hw[0] * RESIZED / CROPPED)
        margins = crop(input_hw[0], resized)
        which = range(bank.pictures) if self.pictures is None else self.pictures
        model = bank.model(method, info, which=which, room=room_beside(backbone))
        normals = request.read_normals(input_hw, lambda frame_hw: margins)
        parameters = {
            "resized": resized,
            "pictures": f"{which.start}:{which.stop} of {bank.pictures}",
            "differs": DIFFERS,
        }
        return ImportedModel(method, model, backbone, normals, SIGMA, parameters, TOP_FRACTION)


def _check_size(request: ImportRequest, bank: RadBank, input_hw: tuple[int, int]) -> None:
    size = request.input_hw
    if size is not None and size != input_hw:
        raise ConfigError(
            f"--size {size[1]}x{size[0]} does not fit {request.file}: its grid of {bank.side}x"
            f"{bank.side} positions needs an input of {input_hw[1]}x{input_hw[0]}"
        )


def published_rad(options: Mapping[str, Any]) -> Rad:
    """RAD as published, apart from the options given: every cell is compared by itself, with the
    top_k most similar pictures unless the options exclude that. Raises ConfigError."""
    options = {"average": 1} | dict(options)
    keeps_apart = options.get("radius", 1) is not None and not options.get("coreset")
    if keeps_apart:
        options.setdefault("top_k", TOP_K)
    return Rad.from_options(options)


def crop(side: int, resized: int) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) as fractions: what is left of a picture squashed to `resized`
    when `side` is cropped from its middle. Raises ConfigError."""
    if resized < side:
        raise ConfigError(f"pictures resized to {resized} are smaller than the input of {side}")
    margin = (1 - side / resized) / 2
    return margin, margin, 1 - margin, 1 - margin
