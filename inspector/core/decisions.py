"""Decisions about the size of a defect whose measurement has an uncertainty."""

from dataclasses import dataclass
from enum import StrEnum


class Decision(StrEnum):
    """Result of comparing a size with its limit (ISO 14253-1).

    CONFORMS: the size is below the limit, also with the guard band added. DOES_NOT_CONFORM: the
    size is at least the limit, also with the guard band subtracted. CANNOT_BE_DECIDED: neither.
    """

    CONFORMS = "conforms"
    DOES_NOT_CONFORM = "does_not_conform"
    CANNOT_BE_DECIDED = "cannot_be_decided"


@dataclass(frozen=True, slots=True)
class LimitDecision:
    """The decision about one size of a defect.

    limit_name: key of the section `verdict`, such as min_length_mm. limit, size and guard_band are
    in the unit of the key. size, guard_band: None if unknown; then the decision is
    CANNOT_BE_DECIDED.
    """

    limit_name: str
    limit: float
    size: float | None
    guard_band: float | None
    decision: Decision


class VerdictState(StrEnum):
    """PENDING: the verdict depends on sizes that are not measured yet. FINAL: it never changes."""

    PENDING = "pending"
    FINAL = "final"
