"""Tests of the share of simulated defects that is found, and of the smallest size."""

import numpy as np
import pytest

from engines.spec import ResizeRule
from engines.spec_fields import PowerPoint
from inspector.core.errors import DataError
from learning.power import (
    SimulatedScores,
    describe_power,
    find_smallest,
    measure_power,
    share_by_kind,
    share_by_size,
    share_found,
    sizes_in_frame,
)
from learning.simulation.plans import DefectPlan, plan_defects


def simulated(count: int = 320) -> SimulatedScores:
    """Scores that rise with size and contrast."""
    plans = plan_defects(count, 5, 0)
    sizes = np.array([plan.size * 200 for plan in plans])
    contrasts = np.array([plan.contrast or 50.0 for plan in plans])
    return SimulatedScores(plans, sizes, sizes * (contrasts >= 40))


def point(size: float, detected: int, count: int = 10) -> PowerPoint:
    return PowerPoint(size, count, detected, 48.0)


@pytest.mark.parametrize(
    ("points", "smallest"),
    [
        ([point(1, 2), point(2, 9), point(4, 10)], 2),
        ([point(1, 10), point(2, 8), point(4, 10)], 4),  # a lucky small size does not count
        ([point(1, 10), point(2, 10), point(4, 8)], None),
        ([point(1, 10), point(2, 10), point(4, 10)], 1),
        ([point(1, 2, 3), point(2, 10)], 1),  # one miss is allowed
        ([point(1, 1, 3), point(2, 10)], 2),
        ([point(1, 2, 3), point(2, 1, 2), point(4, 9)], 4),  # but not at size after size
        ([point(2, 3, 3), point(4, 1, 2)], None),
        ([point(4, 4, 4)], 4),
        ([point(4, 3, 3)], None),
        ([point(4, 5, 5)], 4),
        ([point(4, 5, 5), point(4, 2, 5)], None),  # contrasts of a size are pooled
        ([], None),
    ],
)
def test_smallest_size(points: list[PowerPoint], smallest: float | None) -> None:
    assert find_smallest(points) == smallest


def test_power_of_each_kind() -> None:
    power = {row.kind: row for row in measure_power(simulated(), 15.0)}
    assert len(power) == 8
    for row in power.values():
        assert row.smallest_px == 20.0
        assert sum(each.simulated for each in row.points) == 40
    assert len(power["crack"].points) == 20
    assert [each.contrast for each in power["missing"].points] == [None] * 5
    faint = [each for each in power["crack"].points if each.contrast == 12]
    assert [each.detected for each in faint] == [0] * 5


def test_a_score_at_the_threshold_fails() -> None:
    plans = (DefectPlan(0, "hole", 0.1, 48, 0),) * 5
    scores = SimulatedScores(plans, np.full(5, 7.0), np.full(5, 2.0))
    assert share_found(scores, 2.0) == 1
    assert share_found(scores, 2.1) == 0


def test_each_kind_has_the_same_weight() -> None:
    kinds = ["hole"] * 9 + ["crack"]
    plans = tuple(DefectPlan(0, kind, 0.1, 48, 0) for kind in kinds)
    scores = SimulatedScores(plans, np.ones(10), np.array([1.0] * 9 + [0.0]))
    assert share_found(scores, 0.5) == 0.5
    assert share_by_kind(scores, 0.5) == {"hole": 1, "crack": 0}
    assert share_by_size(scores, 0.5) == {0.1: 0.5}


def test_the_share_falls_with_the_threshold() -> None:
    shares = [share_found(simulated(), threshold) for threshold in (0.0, 3.0, 15.0, 200.0)]
    assert shares == sorted(shares, reverse=True)
    assert (shares[0], shares[-1]) == (1, 0)


def test_lines() -> None:
    assert describe_power(measure_power(simulated(), 15.0))[0].startswith(
        f"{simulated().plans[0].kind}: 90 % found from 20 px (of the frame) on; "
    )
    never = describe_power(measure_power(simulated(), 1e9))
    assert all(
        "fewer than 90 % found at the largest sizes tried (up to" in line for line in never[:-1]
    )
    assert "40 grey levels" in never[-1]
    few = describe_power(measure_power(simulated(8), 15.0))
    assert all("too few simulated to name a size" in line for line in few[:-1])


def test_sizes_are_in_px_of_the_frame() -> None:
    plans = (DefectPlan(0, "hole", 0.1, 48, 0),)
    whole = ResizeRule(input_hw=(256, 512))
    assert sizes_in_frame(plans, whole, (512, 1024)) == pytest.approx([51.2])
    half = ResizeRule(input_hw=(256, 256), crop=(0.0, 0.0, 0.5, 1.0))
    assert sizes_in_frame(plans, half, (512, 1024)) == pytest.approx([51.2])


def test_lengths_must_agree() -> None:
    plans = plan_defects(3, 1, 0)
    with pytest.raises(DataError, match="3 plans, 2 sizes and 3 scores"):
        SimulatedScores(plans, np.ones(2), np.ones(3))
    with pytest.raises(DataError, match="at least 1"):
        SimulatedScores((), np.ones(0), np.ones(0))
