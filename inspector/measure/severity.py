"""Grades the severity of a defect with configured limits."""

from dataclasses import dataclass
from typing import Final

from inspector.core.errors import ConfigError
from inspector.core.types import Severity

Limits = tuple[float, float, float]
"""Least values of medium, high and critical, in rising order."""

_GRADES: Final = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)


@dataclass(frozen=True, slots=True)
class SeverityLimits:
    """The limits of each measure. None: the measure is not used. The worst grade counts.

    *_mm* are used with a calibration, *_px without a calibration. length_share: length over the
    shorter side of the frame; it is used only if no other limit of a size can be used. score_ratio:
    peak score over the pixel threshold; it is used only if that threshold is above 0.
    """

    length_mm: Limits | None = None
    area_mm2: Limits | None = None
    length_px: Limits | None = None
    length_share: Limits | None = (0.02, 0.1, 0.3)
    score_ratio: Limits | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            limits = getattr(self, name)
            if limits is not None and not 0 < limits[0] <= limits[1] <= limits[2]:
                raise ConfigError(
                    f"measure.severity.{name} must rise and start above 0, got {limits}"
                )


def grade(
    limits: SeverityLimits,
    *,
    length_px: float,
    shorter_side_px: int,
    length_mm: float | None,
    area_mm2: float | None,
    peak_score: float,
    pixel_threshold: float,
) -> tuple[Severity, str | None]:
    """The worst grade of all measures, and the name of the limits that gave it.

    The name is None if there are no limits that can be used; the grade is then LOW.
    """
    values = {
        "length_mm": length_mm,
        "area_mm2": area_mm2,
        "length_px": length_px if length_mm is None else None,
    }
    if all(getattr(limits, name) is None or value is None for name, value in values.items()):
        values["length_share"] = length_px / shorter_side_px
    if pixel_threshold > 0:
        values["score_ratio"] = peak_score / pixel_threshold
    worst, worst_by = -1, None
    for name, value in values.items():
        steps: Limits | None = getattr(limits, name)
        if steps is not None and value is not None:
            reached = sum(value >= limit for limit in steps)
            if reached > worst:
                worst, worst_by = reached, name
    return _GRADES[max(worst, 0)], worst_by
