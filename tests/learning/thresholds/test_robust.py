"""The outlier limit and the robust rule: few, many, equal and odd values."""

import math

import numpy as np
import pytest

from learning.thresholds.choosing import choose_thresholds, find_suspects
from learning.thresholds.folds import LeftOut
from learning.thresholds.rules import (
    FLOOR,
    KEEP,
    SUSPECTS,
    Rule,
    default_rule,
    outlier_limit,
    promise_of_rank,
)


def spread_values(count: int, seed: int = 0) -> np.ndarray:
    """Without outliers: evenly spread logarithms, in random order."""
    values = np.exp(0.2 * np.linspace(-1.5, 1.5, count))
    return np.random.default_rng(seed).permutation(values)


def with_odd(count: int, odd: int) -> np.ndarray:
    """The last `odd` values are far above the others."""
    return np.append(spread_values(count - odd), 10.0 + np.arange(odd))


def literal_limit(values: np.ndarray) -> float:
    logs = sorted(math.log(value) for value in values)
    middle = float(np.median(logs))
    deviation = 1.4826 * float(np.median([abs(each - middle) for each in logs]))
    return math.exp(middle + 3.5 * (1 + 4 / len(values)) * deviation)


def left_out(values: np.ndarray) -> LeftOut:
    scores = values.astype(np.float32)
    return LeftOut(scores, scores * np.float32(1.5), scores * np.float32(0.1), 10)


@pytest.mark.parametrize("count", [5, 6, 20, 137])
def test_the_limit_has_its_literal_form(count):
    values = spread_values(count)
    assert outlier_limit(values) == pytest.approx(literal_limit(values), rel=1e-9)


@pytest.mark.parametrize("factor", [1e-2, 10.0, 1e4])
def test_the_limit_grows_with_the_unit_of_the_scores(factor):
    values = spread_values(50)
    assert outlier_limit(factor * values) == pytest.approx(factor * outlier_limit(values))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_very_few_values_have_no_outlier(count):
    values = np.append(np.linspace(1, 1.1, count - 1), 1e6)
    assert outlier_limit(values) == math.inf
    assert Rule().of(values) == 1e6


def test_few_values_have_a_wider_limit():
    limits = [outlier_limit(spread_values(count)) for count in (5, 11, 21, 501)]
    assert limits == sorted(limits, reverse=True)


@pytest.mark.parametrize("value", [0.0, 1e-7, 0.3])
@pytest.mark.parametrize("count", [1, 2, 5, 6, 40])
def test_equal_values_have_no_outlier(value, count):
    values = np.full(count, value)
    assert outlier_limit(values) == math.inf
    assert Rule().of(values) == value
    assert choose_thresholds(left_out(values)).image > value


def test_values_of_which_more_than_half_are_equal_have_no_outlier():
    assert outlier_limit(np.array([1.0] * 6 + [2.0, 3.0, 50.0])) == math.inf


def test_values_below_the_floor_are_rounding_and_make_no_spread():
    assert outlier_limit(np.linspace(0, FLOOR, 20)) == math.inf


@pytest.mark.parametrize("count", [2, 3, 6, 19, 40, 200])
def test_without_an_outlier_robust_is_conformal(count):
    values = spread_values(count)
    assert len(find_suspects(values)) == 0
    assert Rule().of(values) == Rule("conformal").of(values)


@pytest.mark.parametrize("count", [5, 6, 12, 40])
def test_one_odd_value_does_not_raise_the_threshold(count):
    values = with_odd(count, 1)
    limit = outlier_limit(values)
    assert list(find_suspects(values)) == [count - 1]
    assert max(values[:-1]) <= Rule().of(values) <= max(limit, max(values[:-1])) < values[-1]


@pytest.mark.parametrize(("count", "odd", "above"), [(20, 2, 2), (20, 5, 2), (100, 30, 10)])
def test_many_odd_values_raise_the_threshold_once_they_are_more_than_a_tenth(count, odd, above):
    values = with_odd(count, odd)
    highest = Rule().of(values)
    assert np.count_nonzero(values > highest) == above
    assert (highest < 10) is (odd == above)


def test_ties_at_the_limit_of_a_tenth_all_pass():
    values = np.append(spread_values(14), np.full(6, 10.0))
    assert Rule().of(values) == 10
    chosen = choose_thresholds(left_out(values))
    assert chosen.rule.alarms == 0
    assert chosen.image > 10


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_rate_and_promise_of_very_few_pictures(count):
    chosen = choose_thresholds(left_out(spread_values(count)))
    assert chosen.rule.alarms == 0
    assert chosen.rule.false_alarm_rate == 1 / (count + 1)
    assert chosen.rule.promise == pytest.approx(1 - 0.03 ** (1 / count))


@pytest.mark.parametrize(("count", "odd"), [(24, 1), (40, 3), (100, 8), (200, 20)])
def test_pictures_that_fail_as_outliers_are_counted_in_rate_and_promise(count, odd):
    values = with_odd(count, odd)
    rule = choose_thresholds(left_out(values)).rule
    failing = max(odd, count - math.ceil(0.95 * (count + 1)))
    assert rule.alarms == failing
    rank = count - failing
    assert rule.false_alarm_rate == pytest.approx(max((failing + 1) / (count + 1), 0.05))
    assert rule.promise == pytest.approx(promise_of_rank(count, rank, 0.97))
    assert rule.promise > promise_of_rank(count, rank)


def test_a_rate_above_the_share_of_outliers_decides():
    values = with_odd(100, 2)
    rule = choose_thresholds(left_out(values), Rule("robust", {"rate": 0.2})).rule
    assert (rule.false_alarm_rate, rule.alarms) == (0.2, 19)


def test_ask_is_robust_and_a_word_of_the_user_is_conformal():
    assert [default_rule(each).name for each in SUSPECTS] == ["robust", "conformal", "conformal"]
    assert Rule() == default_rule() != default_rule(KEEP)
