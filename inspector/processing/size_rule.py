"""Decides with three zones whether the sizes of a defect are below their limits (ISO 14253-1)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from inspector.core.decisions import Decision, LimitDecision
from inspector.core.records import COVERAGE_FACTOR
from inspector.core.schema import NotNegative, Positive
from inspector.core.types import Defect

_SIZES: Final = {
    "min_length_mm": ("length_mm", "length_u_mm"),
    "min_area_mm2": ("area_mm2", "area_u_mm2"),
    "min_length_px": ("length_px", "length_u_px"),
    "min_area_px": ("area_px", "area_u_px"),
}
"""Limit -> fields of Defect: the size and its standard uncertainty."""


@dataclass(frozen=True, slots=True)
class SizeRule:
    """Limits for the sizes of a defect. A defect is too large if it reaches every limit that is
    set. Without limits every defect is too large.

    guard_band: the guard band on both sides of a limit, in expanded uncertainties U = k u of the
    size. 0: no guard band, so a measured size is taken as the true one.
    """

    min_length_mm: Positive | None = None
    min_area_mm2: Positive | None = None
    min_length_px: Positive | None = None
    min_area_px: Positive | None = None
    guard_band: NotNegative = 1.0

    def decide(self, defect: Defect) -> Defect:
        """Returns the defect with its decision, and with the decision about each limit."""
        limits = tuple(
            self._decide_limit(defect, name, limit)
            for name in _SIZES
            if (limit := getattr(self, name)) is not None
        )
        return replace(defect, decision=_combine(limits), limits=limits)

    def _decide_limit(self, defect: Defect, name: str, limit: float) -> LimitDecision:
        size_name, u_name = _SIZES[name]
        size: float | None = getattr(defect, size_name)
        band = self._guard_band(getattr(defect, u_name))
        decision = Decision.CANNOT_BE_DECIDED
        if size is not None and band is not None:
            # Only a part of a truncated defect is visible, so its true size has no upper limit.
            if size + band < limit and not (defect.truncated and self.guard_band > 0):
                decision = Decision.CONFORMS
            elif size - band >= limit:
                decision = Decision.DOES_NOT_CONFORM
        return LimitDecision(name, limit, size, band, decision)

    def _guard_band(self, standard_u: float | None) -> float | None:
        """In the unit of the size; None if the uncertainty is unknown but needed."""
        if self.guard_band == 0:
            return 0.0
        return None if standard_u is None else self.guard_band * COVERAGE_FACTOR * standard_u


def _combine(limits: Iterable[LimitDecision]) -> Decision:
    """A defect conforms if one of its sizes does, because it must reach every limit to fail."""
    decisions = {limit.decision for limit in limits}
    for decision in (Decision.CONFORMS, Decision.CANNOT_BE_DECIDED):
        if decision in decisions:
            return decision
    return Decision.DOES_NOT_CONFORM
