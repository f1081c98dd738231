"""Compares the sizes of a report with limits, with the uncertainty as guard band (ISO 14253-1)."""

from dataclasses import dataclass
from typing import Final

from inspector.core.decisions import Decision
from inspector.report.options import ReportLimits
from inspector.report.run_log import ReportDefect, RunLog

_OF_VERDICT: Final = {
    "mm": {"length": "min_length_mm", "area": "min_area_mm2"},
    "px": {"length": "min_length_px", "area": "min_area_px"},
}
_ORDER: Final = (Decision.CONFORMS, Decision.CANNOT_BE_DECIDED, Decision.DOES_NOT_CONFORM)


@dataclass(frozen=True, slots=True)
class SizeLimit:
    """A size below value conforms. quantity: length, width or area. value: in mm or mm2; in px
    without a calibration. origin: report or verdict, the section of the configuration."""

    quantity: str
    value: float
    origin: str


def find_limits(log: RunLog, options: ReportLimits) -> list[SizeLimit]:
    """The limits of the section report, otherwise those that decided the verdict."""
    verdict = (log.header.get("config") or {}).get("verdict") or {}
    decides = verdict.get("rule") in ("defects", "either")
    limits = []
    for quantity, name in (("length", "length_mm"), ("width", "width_mm"), ("area", "area_mm2")):
        value = getattr(options, name) if log.unit == "mm" else None
        key = _OF_VERDICT[log.unit].get(quantity)
        if value is not None:
            limits.append(SizeLimit(quantity, value, "report"))
        elif decides and key is not None and verdict.get(key) is not None:
            limits.append(SizeLimit(quantity, verdict[key], "verdict"))
    return limits


def decide(defect: ReportDefect, limit: SizeLimit, unit: str) -> Decision:
    """A size with its guard band U below the limit conforms, one above it does not conform.

    A size of the anomaly map has no uncertainty, so it cannot be decided. A defect that is cut off
    may be larger, so it never conforms.
    """
    size, expanded = defect.size(limit.quantity, unit)
    if size is None or expanded is None or defect.values.get("size_source") == "map":
        return Decision.CANNOT_BE_DECIDED
    if size + expanded < limit.value and not defect.values.get("truncated"):
        return Decision.CONFORMS
    if size - expanded >= limit.value:
        return Decision.DOES_NOT_CONFORM
    return Decision.CANNOT_BE_DECIDED


def compare(log: RunLog, limit: SizeLimit) -> dict[str, list[ReportDefect]]:
    """Decision -> the defects with this decision."""
    groups: dict[str, list[ReportDefect]] = {decision.value: [] for decision in _ORDER}
    for defect in log.defects:
        groups[decide(defect, limit, log.unit).value].append(defect)
    return groups
