"""How bad a defect is, from configured limits."""

from dataclasses import dataclass

from inspector.core.errors import ConfigError
from inspector.core.types import Severity

Limits = tuple[float, float, float]
"""From where a defect is medium, high, critical; rising."""

_GRADES = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)


@dataclass(frozen=True, slots=True)
class SeverityLimits:
    """Limits that count; None: that measure does not grade. The worst grade wins.

    *_mm* count with a calibration, *_px without one. score_ratio: peak score over the pixel
    threshold; it grades only where that threshold is above 0.
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
                    f"measure.severity.{name} must rise and start above 0, not {limits}"
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
    """The worst of the grades that the limits give."""
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
