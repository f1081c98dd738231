"""Tests the grades of defects."""

import pytest

from inspector.core.errors import ConfigError
from inspector.core.types import Severity
from inspector.measure.severity import SeverityLimits, grade


def grade_measured(limits: SeverityLimits, **measured: float | None) -> Severity:
    values: dict[str, float | None] = {
        "length_px": 100.0,
        "length_mm": None,
        "area_mm2": None,
        "peak_score": 1.0,
        "pixel_threshold": 1.0,
    }
    return grade(limits, **(values | measured))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("length", "severity"),
    [(0.9, "low"), (1.0, "medium"), (2.5, "high"), (3.0, "critical"), (99.0, "critical")],
)
def test_a_reached_limit_gives_its_grade(length: float, severity: str) -> None:
    limits = SeverityLimits(length_mm=(1.0, 2.0, 3.0), score_ratio=None)
    assert grade_measured(limits, length_mm=length, area_mm2=0.1) == severity


def test_the_worst_grade_wins() -> None:
    limits = SeverityLimits(length_mm=(1, 2, 3), area_mm2=(1, 2, 3), score_ratio=(1.5, 2, 3))
    assert grade_measured(limits, length_mm=0.5, area_mm2=2.5, peak_score=1.6) is Severity.HIGH


def test_pixels_count_only_without_a_calibration() -> None:
    limits = SeverityLimits(length_px=(10, 20, 30), score_ratio=None)
    assert grade_measured(limits) is Severity.CRITICAL
    assert grade_measured(limits, length_mm=1.0, area_mm2=1.0) is Severity.LOW


def test_the_score_does_not_grade_where_the_threshold_is_not_above_zero() -> None:
    limits = SeverityLimits(score_ratio=(1.5, 2, 3))
    assert grade_measured(limits, peak_score=5.0) is Severity.CRITICAL
    assert grade_measured(limits, peak_score=5.0, pixel_threshold=0.0) is Severity.LOW


def test_limits_that_do_not_rise_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="area_mm2"):
        SeverityLimits(area_mm2=(3.0, 2.0, 1.0))
