"""What is known about the look of one defect, and its likely kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

KINDS: Final = (
    *("scratch", "crack", "contamination", "stain", "spot", "hole", "dent", "discolouration"),
    "unclear",
)
"""The kinds of defects. docs/explanations.md has the rule of each."""

PLACES: Final = (
    *("top left", "top", "top right"),
    *("left", "middle", "right"),
    *("bottom left", "bottom", "bottom right"),
)
"""Fields of the inspected area, row by row: each has a third of its width and height."""

SHAPES: Final = (
    "round",
    "oval",
    "long",
    "irregular",
    "straight line",
    "curved line",
    "winding line",
)
COLOURS: Final = ("reddish", "yellowish", "greenish", "bluish")
CONFIDENCES: Final = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Reason:
    """A comparison that decided the kind. figure: a key of Explanation.figures. side: whether the
    value is "above" (or at) or "below" the limit."""

    figure: str
    value: float
    side: str
    limit: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """The place, shape, look and likely kind of one defect.

    kind: one of KINDS. place: one of PLACES. shape: one of SHAPES. colour: one of COLOURS; None if
    the colour is that of the surroundings. confidence: one of CONFIDENCES. reasons: the comparisons
    that decided the kind, in order. figures: the measured values; docs/explanations.md defines
    them. sentence: all of it in English.
    """

    kind: str
    place: str
    shape: str
    colour: str | None
    confidence: str
    reasons: tuple[Reason, ...]
    figures: Mapping[str, float]
    sentence: str


@dataclass(frozen=True, slots=True)
class Hotspot:
    """A peak of the map in a picture without a defect.

    place: one of PLACES. position_px: (x, y) in the frame. score: of the map at the peak.
    threshold: of pixels. sentence: all of it in English. kind: always "unclear", because the rules
    need the outline of a defect.
    """

    place: str
    position_px: tuple[float, float]
    score: float
    threshold: float
    sentence: str
    kind: str = "unclear"
