"""The uncertainty of a defect's sizes as a budget of named terms."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """One cause of uncertainty. area, length, width: standard uncertainties (k = 1) that it causes,
    in frame pixels; sensitivities are included."""

    name: str
    area: float
    length: float
    width: float


@dataclass(frozen=True, slots=True)
class Budget:
    """Terms that do not depend on each other. They are combined as in the GUM (JCGM 100:2008,
    section 5.1.2): the root of the sum of their squares."""

    terms: tuple[Term, ...]

    @property
    def area(self) -> float:
        return math.hypot(*(term.area for term in self.terms))

    @property
    def length(self) -> float:
        return math.hypot(*(term.length for term in self.terms))

    @property
    def width(self) -> float:
        return math.hypot(*(term.width for term in self.terms))
