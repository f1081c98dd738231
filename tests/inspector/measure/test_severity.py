"""Tests the grades of defects."""

import pytest

from inspector.core.errors import ConfigError
from inspector.core.types import Severity
from inspector.measure.severity import SeverityLimits, grade

MM_ONLY = SeverityLimits(length_mm=(1.0, 2.0, 3.0))


def grade_measured(limits: SeverityLimits, **measured: float | None) -> tuple[Severity, str | None]:
    values: dict[str, float | None] = {
        "length_px": 100.0,
        "shorter_side_px": 720,
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
    assert grade_measured(MM_ONLY, length_mm=length, area_mm2=0.1) == (severity, "length_mm")


@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize(
    ("length_px", "severity"),
    [(14.3, "low"), (14.4, "medium"), (72.0, "high"), (216.0, "critical"), (1400.0, "critical")],
)
def test_without_limits_the_share_of_the_frame_grades(
    length_px: float, severity: str, calibrated: bool
) -> None:
    sizes = {"length_mm": 0.01, "area_mm2": 0.01} if calibrated else {}
    by_size = grade_measured(SeverityLimits(), length_px=length_px, peak_score=99.0, **sizes)
    assert by_size == (severity, "length_share")


def test_the_share_of_the_frame_is_not_used_beside_other_sizes() -> None:
    whole = {"length_px": 700.0, "length_mm": 0.5, "area_mm2": 0.1}
    assert grade_measured(MM_ONLY, **whole) == (Severity.LOW, "length_mm")
    area_only = SeverityLimits(area_mm2=(1.0, 2.0, 3.0))
    assert grade_measured(area_only, **whole) == (Severity.LOW, "area_mm2")
    # The limits in millimetres need a calibration, those in pixels need none.
    assert grade_measured(MM_ONLY, length_px=700.0) == (Severity.CRITICAL, "length_share")
    pixels_only = SeverityLimits(length_px=(800, 900, 1000))
    assert grade_measured(pixels_only, length_px=700.0) == (Severity.LOW, "length_px")
    assert grade_measured(pixels_only, **whole) == (Severity.CRITICAL, "length_share")


def test_the_worst_grade_wins_and_is_named() -> None:
    limits = SeverityLimits(length_mm=(1, 2, 3), area_mm2=(1, 2, 3), score_ratio=(1.5, 2, 3))
    sizes = {"length_mm": 0.5, "area_mm2": 2.5}
    assert grade_measured(limits, **sizes, peak_score=1.6) == (Severity.HIGH, "area_mm2")
    assert grade_measured(limits, **sizes, peak_score=3.0) == (Severity.CRITICAL, "score_ratio")


def test_pixels_count_only_without_a_calibration() -> None:
    limits = SeverityLimits(length_px=(10, 20, 30), length_share=None)
    assert grade_measured(limits) == (Severity.CRITICAL, "length_px")
    assert grade_measured(limits, length_mm=1.0, area_mm2=1.0) == (Severity.LOW, None)


def test_the_score_does_not_grade_where_the_threshold_is_not_above_zero() -> None:
    limits = SeverityLimits(length_share=None, score_ratio=(1.5, 2, 3))
    assert grade_measured(limits, peak_score=5.0) == (Severity.CRITICAL, "score_ratio")
    assert grade_measured(limits, peak_score=5.0, pixel_threshold=0.0) == (Severity.LOW, None)


def test_limits_that_do_not_rise_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="area_mm2"):
        SeverityLimits(area_mm2=(3.0, 2.0, 1.0))
