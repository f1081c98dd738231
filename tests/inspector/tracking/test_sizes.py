"""Tests of the size of a defect over all its views."""

from dataclasses import replace

import numpy as np
import pytest
from web_scenes import defect

from inspector.core.types import Defect, Severity
from inspector.tracking.sizes import combine_views


def sized(length: float, u: float, **changes: object) -> Defect:
    values = {
        "length_mm": length,
        "length_u_mm": u,
        "width_mm": 2.0,
        "width_u_mm": 0.1,
        "area_mm2": 6.0,
        "area_u_mm2": 0.5,
    }
    return replace(defect((10, 10, 20, 20)), **(values | changes))


def test_a_precise_view_counts_more() -> None:
    combined = combine_views([sized(10.0, 0.1), sized(10.4, 0.2)])
    assert combined.length_mm == pytest.approx(10.08)


def test_the_uncertainty_never_falls_below_the_common_part() -> None:
    combined = combine_views([sized(10.0, 0.1) for _ in range(50)])
    assert 0.07 <= combined.length_u_mm < 0.075


def test_views_that_differ_more_than_they_claim_raise_the_uncertainty() -> None:
    combined = combine_views([sized(v, 0.01) for v in (9.0, 9.5, 10.0, 10.5, 11.0)])
    assert combined.length_u_mm > 0.3


def test_a_view_that_covers_something_else_is_left_out() -> None:
    combined = combine_views([sized(v, 0.1) for v in (10.0, 10.1, 9.9, 10.05, 25.0)])
    assert combined.length_mm == pytest.approx(10.01, abs=0.02)


def test_two_views_that_contradict_each_other_are_both_used() -> None:
    combined = combine_views([sized(5.0, 0.1), sized(15.0, 0.1)])
    assert combined.length_mm == pytest.approx(10.0)
    assert combined.length_u_mm >= 5.0


def test_the_worst_severity_and_the_highest_score_are_kept() -> None:
    views = [sized(1, 0.1), sized(1, 0.1, severity=Severity.HIGH, peak_score=9.0)]
    combined = combine_views(views)
    assert (combined.severity, combined.peak_score) == (Severity.HIGH, 9.0)


def test_sizes_without_a_calibration_stay_empty() -> None:
    combined = combine_views([defect((0, 0, 9, 3)), defect((0, 0, 11, 3))])
    assert combined.length_px == 10.0
    assert combined.length_mm is None
    assert combined.area_u_mm2 is None


def test_independent_errors_are_covered() -> None:
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(400):
        common = rng.normal(0, 0.07)
        views = [sized(10 + common + rng.normal(0, 0.07), 0.1) for _ in range(5)]
        combined = combine_views(views)
        inside.append(abs(combined.length_mm - 10) <= 2 * combined.length_u_mm)
    assert 0.9 < np.mean(inside) <= 1.0
