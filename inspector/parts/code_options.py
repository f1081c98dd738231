"""The options of the section `codes` of the configuration."""

from dataclasses import dataclass
from typing import Annotated

from inspector.core.actions import ERROR, Action
from inspector.core.errors import ConfigError
from inspector.core.schema import AtLeastOne, OneOf, Share


@dataclass(frozen=True, slots=True)
class CodeOptions:
    """region: (x0, y0, x1, y1) as shares of the frame, in which the code is. formats: names of
    zxing-cpp. inverted: read light codes on a dark ground, too. fills: the trace field that the
    code is. missing: what happens with a part without a code that can be read. tries: number of
    frames of a part in which it is looked for."""

    enabled: bool = False
    region: tuple[Share, Share, Share, Share] | None = None
    formats: tuple[str, ...] = ("DataMatrix", "QRCode")
    inverted: bool = False
    fills: Annotated[str, OneOf("serial", "lot")] = "serial"
    missing: Action = ERROR
    tries: AtLeastOne = 10


def check_codes(options: CodeOptions, *, parts: bool) -> None:
    """parts: whether parts are on. Raises ConfigError for keys that do not fit together."""
    if not parts:
        raise ConfigError("codes.enabled needs parts.enabled: a code belongs to a part")
    region = options.region
    if region is None or not (region[0] < region[2] and region[1] < region[3]):
        raise ConfigError(
            "codes.region must be [x0, y0, x1, y1] with x0 < x1 and y0 < y1, as shares of the "
            f"frame, not {region if region is None else list(region)}"
        )
