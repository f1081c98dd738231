"""Grades the severity of a defect with configured limits."""

from dataclasses import dataclass

from inspector.core.errors import ConfigError
from inspector.core.types import Severity

Limits = tuple[float, float, float]
"""Least values of medium, high and critical, in rising order."""

_GRADES = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)


@dataclass(frozen=True, slots=True)
class SeverityLimits:
    """The limits of each measure. None: the measure is not used. The worst grade counts.

    *_mm* are used with a calibration, *_px without a calibration. score_ratio: peak score over the
    pixel threshold; it is used only if that threshold is above 0.
    """

    length_mm: Limits | None = None
    area_mm2: Limits | None = None
    length_px: Limits | None = None
    score_ratio: Limits | None = (1.5, 2.0, 3.0)

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
    length_mm: float | None,
    area_mm2: float | None,
    peak_score: float,
    pixel_threshold: float,
) -> Severity:
    """The worst grade of all measures."""
    calibrated = length_mm is not None
    ratio = peak_score / pixel_threshold if pixel_threshold > 0 else None
    measured = (
        (limits.length_mm, length_mm),
        (limits.area_mm2, area_mm2),
        (limits.length_px, None if calibrated else length_px),
        (limits.score_ratio, ratio),
    )
    reached = [
        sum(value >= limit for limit in steps)
        for steps, value in measured
        if steps is not None and value is not None
    ]
    return _GRADES[max(reached, default=0)]
