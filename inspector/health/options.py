"""The section `health` of the configuration."""

from dataclasses import dataclass

from inspector.core.actions import ERROR, WARN, Action
from inspector.core.schema import Seconds
from inspector.health.conditions import LASTING


@dataclass(frozen=True, slots=True)
class HealthOptions:
    """What happens to a frame that is not fit to be judged.

    outside: of a frame outside the limits of the good pictures: error (its verdict is ERROR), warn
    (it is judged, with a line in the log), or ignore (frames are not measured). black to unlike:
    the same for one condition; None: as outside. light_drift, dirt: None: warn, or ignore if
    outside is ignore. frozen_s: a live source whose picture does not change for this time, in s, is
    frozen; None: never. stalled_s: a live source without a picture for this time, in s, is stalled;
    None: never.
    """

    outside: Action = ERROR
    black: Action | None = None
    saturated: Action | None = None
    blurred: Action | None = None
    moved: Action | None = None
    colour: Action | None = None
    noise: Action | None = None
    covered: Action | None = None
    unlike: Action | None = None
    light_drift: Action | None = None
    dirt: Action | None = None
    frozen_s: Seconds | None = 3.0
    stalled_s: Seconds | None = 10.0

    def action(self, condition: str) -> str:
        """error, warn or ignore. condition: one of PICTURE_CONDITIONS or LASTING."""
        chosen: str | None = getattr(self, condition)
        if chosen is not None:
            return chosen
        return WARN if condition in LASTING and self.outside == ERROR else self.outside
