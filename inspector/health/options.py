"""The section `health` of the configuration."""

from dataclasses import dataclass
from typing import Annotated, Final

from inspector.core.schema import OneOf, Seconds

ERROR: Final = "error"
WARN: Final = "warn"
IGNORE: Final = "ignore"


@dataclass(frozen=True, slots=True)
class HealthOptions:
    """What happens to a frame that is not fit to be judged.

    outside: of a frame outside the limits of the good pictures: error (its verdict is ERROR), warn
    (it is judged, with a line in the log), or ignore (frames are not measured). frozen_s: a live
    source whose picture does not change for this time, in s, is frozen; None: never.
    """

    outside: Annotated[str, OneOf(ERROR, WARN, IGNORE)] = ERROR
    frozen_s: Seconds | None = 3.0
