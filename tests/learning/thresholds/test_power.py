"""Tests of the share of simulated defects that is found, and of the smallest size."""

import numpy as np
import pytest

from engines.spec_fields import PowerPoint
from learning.simulation.plans import plan_defects
from learning.thresholds.power import SimulatedScores, find_smallest, read_scores


def simulated(count: int = 320) -> SimulatedScores:
    """Scores that rise with size and contrast."""
    plans = plan_defects(count, 5, 0)
    sizes = np.array([plan.size * 200 for plan in plans])
    contrasts = np.array([plan.contrast or 50.0 for plan in plans])
    return SimulatedScores(
        tuple(plan.kind for plan in plans),
        sizes,
        np.array([plan.contrast for plan in plans]),
        (sizes * (contrasts >= 40)).astype(np.float32),
    )


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
    power = {row.kind: row for row in simulated().measure_power(15.0)}
    assert len(power) == 8
    for row in power.values():
        assert row.smallest_px == 20.0
        assert sum(each.simulated for each in row.points) == 40
    assert len(power["crack"].points) == 20
    assert [each.contrast for each in power["missing"].points] == [None] * 5
    faint = [each for each in power["crack"].points if each.contrast == 12]
    assert [each.detected for each in faint] == [0] * 5


def test_a_score_at_the_threshold_fails() -> None:
    scores = SimulatedScores(("hole",) * 5, np.ones(5), np.ones(5), np.full(5, 2.0, np.float32))
    assert scores.share_found(2.0) == 1
    assert scores.share_found(2.1) == 0


def test_each_kind_has_the_same_weight() -> None:
    kinds = (*["hole"] * 9, "crack")
    values = np.array([1.0] * 9 + [0.0], np.float32)
    assert SimulatedScores(kinds, np.ones(10), np.ones(10), values).share_found(0.5) == 0.5


def test_the_share_falls_with_the_threshold() -> None:
    shares = [simulated().share_found(threshold) for threshold in (0.0, 3.0, 15.0, 200.0)]
    assert shares == sorted(shares, reverse=True)
    assert (shares[0], shares[-1]) == (1, 0)


def test_the_scores_are_read_back_for_another_threshold() -> None:
    scores = simulated()
    again = read_scores(scores.measure_power(15.0))
    for threshold in (0.0, 3.0, 15.0, 40.0):
        assert again.share_found(threshold) == scores.share_found(threshold)
        assert again.measure_power(threshold) == scores.measure_power(threshold)
