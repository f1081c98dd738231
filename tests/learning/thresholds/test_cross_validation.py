"""Cross-validated misses and false alarms of thresholds that defective pictures choose."""

import numpy as np
import pytest

from learning.thresholds.choosing import choose_thresholds
from learning.thresholds.cross_validation import cross_validate
from learning.thresholds.folds import LeftOut
from learning.thresholds.rules import Rule

RULES = [Rule("f1_max"), Rule("cost", {"miss": 10.0}), Rule("cost", {"false_alarm": 3.0})]


def scored(scores) -> LeftOut:
    values = np.asarray(scores, np.float32)
    return LeftOut(values, values * 2, values / 4, 10)


@pytest.mark.parametrize("rule", RULES)
def test_groups_that_are_apart_have_no_errors(rule):
    counted = cross_validate(scored(np.linspace(1, 2, 30)), scored(np.linspace(8, 9, 10)), rule)
    assert counted is not None
    assert (counted.missed, counted.defective, counted.alarms, counted.good) == (0, 10, 0, 30)


@pytest.mark.parametrize("rule", RULES)
def test_with_two_folds_each_half_is_counted_at_the_threshold_of_the_other(rule):
    random = np.random.default_rng(5)
    good, bad = random.normal(5, 1, 20), random.normal(6.5, 1, 2)
    counted = cross_validate(scored(good), scored(bad), rule)
    assert counted is not None
    order = np.random.default_rng(0).permutation(20)
    halves = [(np.sort(order[:10]), 0), (np.sort(order[10:]), 1)]
    if np.random.default_rng(0).permutation(2)[0] == 1:
        halves = [(halves[0][0], 1), (halves[1][0], 0)]
    alarms = missed = 0
    for part, defect in halves:
        others = np.setdiff1d(np.arange(20), part)
        limit = rule.of(np.float32(good[others]), np.float32(bad[[1 - defect]]))
        alarms += int(np.sum(good[part] > limit))
        missed += int(bad[defect] <= limit)
    assert (counted.alarms, counted.missed) == (alarms, missed)


@pytest.mark.parametrize("rule", RULES)
def test_the_share_of_misses_is_that_of_new_defects(rule):
    """Over many draws, the threshold of ten defects misses as many new ones as it says."""
    random = np.random.default_rng(6)
    stated, actual, resubstituted = [], [], []
    for _ in range(60):
        good, bad = random.normal(5, 1, 60), random.normal(7.5, 1, 10)
        counted = cross_validate(scored(good), scored(bad), rule)
        assert counted is not None
        limit = rule.of(good, bad)
        stated.append(counted.missed / 10)
        actual.append(np.mean(random.normal(7.5, 1, 4000) <= limit))
        resubstituted.append(np.mean(bad <= limit))
    assert np.mean(stated) == pytest.approx(np.mean(actual), abs=0.04)
    assert np.mean(resubstituted) < np.mean(actual)


@pytest.mark.parametrize(("good", "bad"), [(1, 5), (5, 1), (1, 1)])
def test_a_single_picture_of_a_group_cannot_be_cross_validated(good, bad):
    normal, other = scored(np.linspace(1, 2, good)), scored(np.linspace(3, 4, bad))
    assert cross_validate(normal, other, Rule("f1_max")) is None
    note = choose_thresholds(normal, Rule("f1_max"), anomalous=other).rule.note
    assert "too few pictures to cross-validate" in note


def test_the_note_of_the_threshold_has_the_counts_and_their_intervals():
    good, bad = scored([*np.linspace(1, 2, 29), 2.6]), scored([*np.linspace(8, 9, 9), 1.2])
    note = choose_thresholds(good, Rule("cost", {"miss": 2.0}), anomalous=bad).rule.note
    assert "9 of 10 defective pictures fail, and they chose the threshold" in note
    assert "1 of 10 defective pictures (95 % interval 0.3% to 44.5%) missed" in note
    assert "the threshold for each picture was chosen without it" in note
