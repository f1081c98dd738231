"""The options of the sections `parts` and `rolls` of the configuration."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from inspector.core.errors import ConfigError
from inspector.core.schema import (
    AtLeast,
    AtLeastOne,
    Between,
    NotNegative,
    OneOf,
    Positive,
    Seconds,
    Share,
)

BY_FRAME: Final = "frame"
BY_NAME: Final = "name"
BY_TRIGGER: Final = "trigger"
BY_ZONE: Final = "zone"

ANY: Final = "any"
K_OF_N: Final = "k_of_n"
WORST: Final = "worst"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Constraint for Annotated: text that is a regular expression."""

    def refusal(self, value: Any) -> str | None:
        try:
            re.compile(value)
        except re.error as exc:
            return f"must be a regular expression ({exc})"
        return None


@dataclass(frozen=True, slots=True)
class PartOptions:
    """Which frames belong to a part, and how they give its verdict.

    by: what tells the parts apart: frame, name, trigger or zone. rule: any, k_of_n or worst. k:
    for k_of_n. frames: number of frames that a part must have; None: any number, with by frame 1.
    name_pattern: for by name; its first group, or the whole match without a group, is the part_id.
    triggers: CSV file with times and part ids, for by trigger. window_s: time after a trigger to
    which the frames of its part belong; None: until the next trigger. zone: (x0, y0, x1, y1) as
    shares of the frame; a part is present while the zone differs from the empty scene. empty:
    picture of the empty scene, as large as the frames; None: the first frame. min_difference: of a
    place in the zone, in grey levels. min_share: of the zone that differs when a part enters.
    gap_frames: number of frames in a row without a part after which it has left. join: one verdict
    over all sources. timeout_s: how long a part of live sources waits for a frame or another
    camera. repeat_s: a message with the same part_id within this time is the same trigger again.
    """

    enabled: bool = False
    by: Annotated[str, OneOf(BY_FRAME, BY_NAME, BY_TRIGGER, BY_ZONE)] = BY_FRAME
    rule: Annotated[str, OneOf(ANY, K_OF_N, WORST)] = ANY
    k: AtLeastOne | None = None
    frames: AtLeastOne | None = None
    name_pattern: Annotated[str, Pattern()] | None = None
    triggers: str | None = None
    window_s: Positive | None = None
    zone: tuple[Share, Share, Share, Share] | None = None
    empty: str | None = None
    min_difference: Positive = 20.0
    gap_frames: AtLeastOne = 1
    min_share: Annotated[float, AtLeast(0, exclusive=True), Between(0, 1)] = 0.1
    join: bool = False
    timeout_s: Seconds = 5.0
    repeat_s: NotNegative = 60.0


@dataclass(frozen=True, slots=True)
class RollOptions:
    """When a roll ends: after length_m metres (by tracking) or after a number of frames. The last
    roll ends with the run."""

    enabled: bool = False
    length_m: Positive | None = None
    frames: AtLeastOne | None = None


def check_parts(options: PartOptions) -> None:
    """Raises ConfigError for keys that need each other or exclude each other."""
    needed = {BY_NAME: "name_pattern", BY_ZONE: "zone"}.get(options.by)
    if needed is not None and getattr(options, needed) is None:
        raise ConfigError(f"parts.{needed} is missing; parts.by {options.by} needs it")
    used_by = {
        "name_pattern": (BY_NAME,),
        "triggers": (BY_TRIGGER,),
        "window_s": (BY_TRIGGER,),
        "zone": (BY_ZONE, BY_TRIGGER),
        "empty": (BY_ZONE, BY_TRIGGER),
    }
    for key, kinds in used_by.items():
        if getattr(options, key) is not None and options.by not in kinds:
            raise ConfigError(
                f"parts.{key} has no effect with parts.by {options.by}; it needs parts.by "
                f"{' or '.join(kinds)}"
            )
    if (options.k is None) is (options.rule == K_OF_N):
        raise ConfigError(
            f"parts.rule is {options.rule}, and parts.k is {options.k or 'not set'}: set "
            "parts.k with the rule k_of_n, and leave it out with other rules"
        )
    _check_zone(options)


def _check_zone(options: PartOptions) -> None:
    zone = options.zone
    if zone is not None and not (zone[0] < zone[2] and zone[1] < zone[3]):
        raise ConfigError(
            "parts.zone must be [x0, y0, x1, y1] with x0 < x1 and y0 < y1, as shares of the frame, "
            f"not {list(zone)}"
        )
    if options.empty is not None and zone is None:
        raise ConfigError("parts.empty needs parts.zone")
    if options.join and options.by == BY_ZONE:
        raise ConfigError(
            "parts.join needs the same part_id in all sources: use parts.by name, trigger or frame"
        )


def check_rolls(options: RollOptions, *, tracked: bool, calibrated: bool) -> None:
    """Raises ConfigError for a length that nothing measures, and for two conditions at once."""
    if options.length_m is not None and not (tracked and calibrated):
        raise ConfigError("rolls.length_m needs tracking.enabled and a calibration")
    if options.length_m is not None and options.frames is not None:
        raise ConfigError("rolls.length_m and rolls.frames cannot be used together: remove one")
