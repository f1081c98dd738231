"""The table of rates, and the rate that is best."""

import numpy as np
import pytest

from learning.thresholds.choosing import choose_thresholds
from learning.thresholds.folds import LeftOut
from learning.thresholds.power import SimulatedScores
from learning.thresholds.rates import choose_with_rates, tabulate_rates
from learning.thresholds.rules import Rule, promise_of_rank


def left_out(count: int, *, ordered: bool = False) -> LeftOut:
    """Scores 1, 2, ... in random order."""
    scores = np.random.default_rng(0).permutation(count).astype(np.float32) + 1
    return LeftOut(scores, scores * np.float32(1.5), scores * np.float32(0.1), 10, ordered=ordered)


def simulated(*scores: float) -> SimulatedScores:
    count = len(scores)
    values = np.array(scores, np.float32)
    return SimulatedScores(("stain",) * count, np.ones(count), np.zeros(count), values)


@pytest.mark.parametrize(
    ("count", "rates"),
    [
        (1, []),
        (8, []),
        (9, [0.1]),
        (18, [0.1]),
        (19, [0.05, 0.1]),
        (48, [0.05, 0.1]),
        (49, [0.02, 0.05, 0.1]),
        (99, [0.01, 0.02, 0.05, 0.1]),
        (500, [0.01, 0.02, 0.05, 0.1]),
    ],
)
def test_only_rates_that_the_pictures_support_are_in_the_table(count, rates):
    rows = tabulate_rates(left_out(count), None)
    assert [row.rate for row in rows] == rates
    _, stored = choose_with_rates(left_out(count), Rule(), None)
    assert stored == (rows or None)


def test_a_row_is_what_the_conformal_rule_chooses_at_its_rate():
    normals, defects = left_out(100), simulated(20.0, 96.5, 97.5, 200.0)
    rows = tabulate_rates(normals, defects)
    for row in rows:
        limits = choose_thresholds(normals, Rule("conformal", {"rate": row.rate}))
        assert (row.image_threshold, row.pixel_threshold) == (limits.image, limits.pixel)
        assert row.promise == limits.rule.promise
    assert [row.detected for row in rows] == [0.25, 0.25, 0.75, 0.75]
    thresholds = [row.image_threshold for row in rows]
    assert thresholds == sorted(thresholds, reverse=True)


def test_independent_blocks_and_not_frames_support_a_rate():
    assert tabulate_rates(left_out(99), None)[0].rate == 0.01
    slow = np.repeat(np.random.default_rng(1).random(20), 10).astype(np.float32)
    frames = LeftOut(slow, slow * np.float32(1.5), slow * np.float32(0.1), 10, ordered=True)
    assert tabulate_rates(frames, None)[0].rate > 0.01


@pytest.mark.parametrize(
    ("scores", "rate"),
    [
        ([500.0] * 100, 0.01),  # all found at every rate
        ([500.0] * 99 + [96.5], 0.01),  # a hundredth less is as good
        ([500.0] * 98 + [96.5] * 2, 0.05),
        ([97.5] * 2 + [99.5] * 98, 0.05),
        ([97.5] + [99.5] * 99, 0.02),
        ([500.0] * 50 + [92.5] * 50, 0.01),  # 10 % would find more, but is not the default
        ([0.5] * 100, 0.01),  # nothing found, so a higher rate is no help
    ],
)
def test_the_lowest_rate_that_finds_as_much_as_the_default_is_best(scores, rate):
    chosen, _ = choose_with_rates(left_out(100), Rule("conformal"), simulated(*scores))
    assert chosen.rule.false_alarm_rate == rate
    lower = "finds as many simulated defects as the default rate of 5%"
    assert (lower in chosen.rule.note) is (rate < 0.05)


def test_a_best_rate_has_a_careful_promise_because_scores_chose_it():
    chosen, _ = choose_with_rates(left_out(100), Rule("conformal"), simulated(500.0))
    assert chosen.rule.promise == pytest.approx(promise_of_rank(100, 100, 0.97))


def test_without_simulated_defects_the_default_rate_is_used():
    chosen, rates = choose_with_rates(left_out(100), Rule(), None)
    assert chosen.rule.false_alarm_rate == 0.05
    assert [row.detected for row in rates] == [None] * 4


def test_pictures_too_few_for_the_default_rate_take_the_least_rate():
    chosen, rates = choose_with_rates(left_out(12), Rule(), simulated(500.0))
    assert chosen.rule.false_alarm_rate == 1 / 13
    assert [row.rate for row in rates] == [0.1]


@pytest.mark.parametrize(
    "rule", [Rule("conformal", {"rate": 0.1}), Rule("conformal", {"promise": 0.2}), Rule("iqr")]
)
def test_a_rule_of_the_user_is_not_changed(rule):
    chosen, rates = choose_with_rates(left_out(100), rule, simulated(500.0))
    assert chosen == choose_thresholds(left_out(100), rule)
    assert len(rates) == 4


def test_dropped_pictures_make_every_promise_careful():
    rows = tabulate_rates(left_out(100), None, dropped=True)
    plain = tabulate_rates(left_out(100), None)
    assert all(row.promise > other.promise for row, other in zip(rows, plain, strict=True))
    assert [row.image_threshold for row in rows] == [row.image_threshold for row in plain]
