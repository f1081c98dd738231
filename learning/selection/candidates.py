"""The settings that `--method auto` tries, in the order in which it tries them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from engines.description import describe_settings
from learning.frame_sizes import MULTIPLE
from learning.methods.registry import make_method

AUTO: Final = "auto"
"""The name that stands for a choice by trials, where a method is named."""

FRACTIONS: Final = (0.0, 0.001, 0.003, 0.01)
"""Values of top_fraction that every candidate is tried with; 0 is the maximum of the map."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A method with its options. fine: with an input of more pixels, see `fine_side`. handicap: is
    subtracted from its figure. top_fraction: None for the method's default."""

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    fine: bool = False
    handicap: float = 0.0
    top_fraction: float | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """For the spec and for people."""
        shown = {name: "all" if value is None else value for name, value in self.options.items()}
        fraction = {} if self.top_fraction is None else {"top_fraction": self.top_fraction}
        size = {"input": "finer"} if self.fine else {}
        return {**shown, **size, **fraction}

    def describe(self) -> str:
        """In one line for people."""
        return describe_settings(self.method, self.settings)

    def is_like(self, other: "Candidate") -> bool:
        """Whether they differ by the input and the image score at most."""
        return (self.method, dict(self.options)) == (other.method, dict(other.options))

    @property
    def reads_map(self) -> bool:
        """Whether the image score is read off the map, so that top_fraction matters."""
        return make_method(self.method, self.options).top_fraction is not None


ANYWHERE: Final = 0.1
"""Handicap of candidates that compare a place with all places of the good pictures. Simulated
defects are small. These candidates miss product of which a large part is absent or displaced: they
found 6 to 16 percentage points more simulated defects on unbroken cookies, and missed up to 69 % of
the broken ones, where the default missed none."""

FINER: Final = 0.03
"""Handicap of a finer input, because it makes every frame two to four times slower."""

DEFAULT: Final = Candidate("rad")
"""The candidate that another one must beat."""

CANDIDATES: Final = (
    DEFAULT,
    Candidate("padim"),
    Candidate("rad", {"radius": None}, handicap=ANYWHERE),
    Candidate("rad", {"radius": 2}),
    Candidate("rad", {}, fine=True, handicap=FINER),
    Candidate("ensemble"),
    Candidate("patchcore", handicap=ANYWHERE),
    Candidate("padim", {}, fine=True, handicap=FINER),
    Candidate("whitened", handicap=ANYWHERE),
    Candidate("rad", {"radius": 0}),
    Candidate("rad", {"radius": None}, fine=True, handicap=ANYWHERE + FINER),
    Candidate("patchcore", {}, fine=True, handicap=ANYWHERE + FINER),
)
"""Those that gain most for their time come first, because a time budget may cut the list. The
ensemble is not tried with a finer input: on pictures of 640x480 it took six times as long per
frame as the default."""

FINE_SIDE: Final = 512
FINE_PIXELS: Final = 400_000
"""Largest short side, and most pixels, of a fine input."""

LEAST_FINE: Final = 320
"""A fine input with a shorter side is not worth a trial."""


def fine_side(frame_hw: tuple[int, int]) -> int | None:
    """Short side of a fine input for these frames; None if they are too small or too long."""
    short, long = sorted(frame_hw)
    side = min(FINE_SIDE, short, int((FINE_PIXELS * short / long) ** 0.5)) // MULTIPLE * MULTIPLE
    return side if side >= LEAST_FINE else None
