"""The conditions of a camera, and what each figure of a picture says about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from inspector.core.types import Cause

FROZEN: Final = "frozen"
STALLED: Final = "stalled"
BLACK: Final = "black"
SATURATED: Final = "saturated"
BLURRED: Final = "blurred"
MOVED: Final = "moved"
COLOUR: Final = "colour"
NOISE: Final = "noise"
COVERED: Final = "covered"
UNLIKE: Final = "unlike"
LIGHT_DRIFT: Final = "light_drift"
DIRT: Final = "dirt"

PICTURE_CONDITIONS: Final = (BLACK, SATURATED, BLURRED, MOVED, COLOUR, NOISE, COVERED, UNLIKE)
"""Conditions that a single picture shows."""

LASTING: Final = (LIGHT_DRIFT, DIRT)
"""Conditions that only many pictures together show."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """What one frame shows of a condition.

    by_defect: whether a defect can be the reason. value, limit: of the figure that shows it, in its
    unit; None if there is none.
    """

    condition: str
    sentence: str
    cause: Cause = Cause.HEALTH
    by_defect: bool = False
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Meaning:
    """What it means that a figure is outside its limits. by_defect: as in Symptom."""

    condition: str
    sentence: str
    by_defect: bool = True


MEANINGS: Final[Mapping[tuple[str, int], Meaning]] = {
    ("brightness", -1): Meaning(BLACK, "it is darker", by_defect=False),
    ("brightness", 1): Meaning(SATURATED, "it is brighter", by_defect=False),
    ("contrast", -1): Meaning(BLURRED, "it has less contrast", by_defect=False),
    ("contrast", 1): Meaning(NOISE, "it has more contrast"),
    ("sharpness", -1): Meaning(BLURRED, "it is less sharp", by_defect=False),
    ("sharpness", 1): Meaning(NOISE, "it is sharper or has more noise"),
    ("red_green", -1): Meaning(COLOUR, "it has another colour", by_defect=False),
    ("red_green", 1): Meaning(COLOUR, "it has another colour", by_defect=False),
    ("blue_green", -1): Meaning(COLOUR, "it has another colour", by_defect=False),
    ("blue_green", 1): Meaning(COLOUR, "it has another colour", by_defect=False),
    ("clipped", 1): Meaning(SATURATED, "more of it is overexposed"),
    ("darkest_cell", -1): Meaning(COVERED, "a part of it is darker"),
    ("darkest_cell", 1): Meaning(UNLIKE, "it has no part as dark"),
    ("brightest_cell", -1): Meaning(UNLIKE, "it has no part as bright"),
    ("brightest_cell", 1): Meaning(SATURATED, "a part of it is brighter"),
    ("flattest_cell", -1): Meaning(BLURRED, "a part of it has less texture"),
    ("match", -1): Meaning(UNLIKE, "it shows something else"),
    ("cell_match", -1): Meaning(UNLIKE, "a part of it shows something else"),
}
"""Figure and side of its limits (-1 below, 1 above) -> what it means. If the whole picture matches
at another place, the condition is MOVED instead."""

NEVER_BY_DEFECT: Final = frozenset(
    key for key, meaning in MEANINGS.items() if not meaning.by_defect
)
"""(figure, side of its limits) that a defect of usual size does not cause."""
