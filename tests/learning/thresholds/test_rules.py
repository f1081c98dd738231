"""Rules against their literal forms, and what they promise against simulation."""

import statistics

import numpy as np
import pytest
from scipy.stats import beta
from sklearn.metrics import f1_score

from inspector.core.errors import ConfigError
from learning.thresholds.rules import (
    RULES,
    Rule,
    least_promise,
    odd_limit,
    promise_of_rank,
    rank_of_promise,
    supported_rate,
)

SCORES = np.random.default_rng(0).gamma(3.0, 0.02, 137).astype(np.float32)


def literal_percentile(values: list[float], q: float) -> float:
    at = (len(values) - 1) * q / 100
    low = int(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (at - low) * (values[high] - values[low])


def literal(name: str, scores: np.ndarray, value: float) -> float:
    values = sorted(map(float, scores))
    if name == "percentile":
        return literal_percentile(values, value)
    if name == "mean_sigma":
        return statistics.mean(values) + value * statistics.stdev(values)
    if name == "median_mad":
        middle = statistics.median(values)
        return middle + value * 1.4826 * statistics.median(abs(v - middle) for v in values)
    first, third = literal_percentile(values, 25), literal_percentile(values, 75)
    return third + value * (third - first)


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [
        ("percentile", "q", 99.5),
        ("percentile", "q", 37.0),
        ("percentile", "q", 100.0),
        ("mean_sigma", "k", 3.0),
        ("mean_sigma", "k", 0.5),
        ("median_mad", "k", 3.0),
        ("median_mad", "k", 6.0),
        ("iqr", "k", 1.5),
        ("iqr", "k", 3.0),
    ],
)
def test_a_rule_gives_the_value_of_its_literal_form(name, parameter, value):
    threshold = Rule(name, {parameter: value}).of(SCORES)
    assert threshold == pytest.approx(literal(name, SCORES, value), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "value"), [("percentile", 99.5), ("mean_sigma", 3), ("median_mad", 3), ("iqr", 1.5)]
)
def test_defaults_are_those_that_the_spec_states(name, value):
    assert list(Rule(name).all_parameters().values()) == [value]
    assert Rule(name).of(SCORES) == pytest.approx(literal(name, SCORES, value), rel=1e-12)


@pytest.mark.parametrize(("count", "rate", "rank"), [(137, 0.05, 132), (31, 1 / 32, 31)])
def test_the_conformal_rule_takes_the_rank_of_its_rate(count, rate, rank):
    assert Rule("conformal", {"rate": rate}).of(SCORES[:count]) == sorted(SCORES[:count])[rank - 1]


@pytest.mark.parametrize("count", [59, 93, 137, 500])
@pytest.mark.parametrize("promise", [0.05, 0.1, 0.4])
def test_a_promise_takes_the_lowest_rank_that_keeps_it(count, promise):
    rank = rank_of_promise(count, promise)
    assert beta.cdf(promise, count + 1 - rank, rank) >= 0.95
    assert beta.cdf(promise, count + 2 - rank, rank - 1) < 0.95
    assert promise_of_rank(count, rank) <= promise < promise_of_rank(count, rank - 1)


@pytest.mark.parametrize(
    ("count", "promise"), [(59, 1 / 20), (93, 1 / 20), (200, 1 / 20), (299, 1 / 100)]
)
def test_about_95_of_100_fits_keep_their_promise(count, promise):
    random, rule = np.random.default_rng(count), Rule("conformal", {"promise": promise})
    # Of uniform scores the share above a threshold is what is left to 1.
    share = np.mean([1 - rule.of(random.random(count)) <= promise for _ in range(2000)])
    expected = beta.cdf(
        promise, count + 1 - rank_of_promise(count, promise), rank_of_promise(count, promise)
    )
    noise = 3 * np.sqrt(0.95 * 0.05 / 2000)
    assert share >= 0.95 - noise
    assert share == pytest.approx(expected, abs=noise)


def test_one_rank_lower_breaks_the_promise_in_simulation():
    random = np.random.default_rng(1)
    highest_but_one = np.sort(random.random((2000, 59)), axis=1)[:, -2]
    assert np.mean(1 - highest_but_one <= 1 / 20) < 0.85


@pytest.mark.parametrize("count", [1, 8, 31, 59, 299, 10_000])
def test_the_smallest_promise_is_that_of_the_highest_score_and_about_three_in_n(count):
    assert least_promise(count) == pytest.approx(1 - 0.05 ** (1 / count), rel=1e-9)
    assert rank_of_promise(count, least_promise(count)) == count
    assert least_promise(count) <= 3 / count


@pytest.mark.parametrize(
    ("count", "promise", "needed"), [(31, 1 / 100, 299), (58, 1 / 20, 59), (8, 0.001, 2995)]
)
def test_a_smaller_promise_is_refused_with_the_number_needed(count, promise, needed):
    with pytest.raises(
        ConfigError, match=f"needs at least {needed} good pictures, there are only {count}: "
    ):
        rank_of_promise(count, promise)
    assert rank_of_promise(needed, promise) == needed


@pytest.mark.parametrize("promise", [0.0, 1.0, -1.0, float("nan")])
def test_a_promise_outside_zero_and_one_is_refused(promise):
    with pytest.raises(ConfigError, match="promise must lie between 0 and 1"):
        rank_of_promise(100, promise)


@pytest.mark.parametrize("decimals", [2, 3, 6, 12])
def test_the_least_rate_is_supported_however_it_is_written(decimals):
    assert supported_rate(9, round(1 / 10, decimals)) == 0.1
    assert supported_rate(31, 1 / 32) == 1 / 32


def test_f1_max_parts_pictures_with_the_highest_f1_that_any_threshold_reaches():
    random = np.random.default_rng(2)
    for _ in range(8):
        normal, anomalous = random.normal(2, 1, 30) ** 2, random.normal(4, 1, 12) ** 2
        cut = Rule("f1_max").of(normal, anomalous)
        both = np.concatenate([normal, anomalous])
        truth = np.arange(len(both)) >= 30
        limit = odd_limit(normal)
        best = max(f1_score(truth, both > at) for at in both if at <= limit)
        assert f1_score(truth, both >= cut) == pytest.approx(best, abs=1e-12)
        assert np.abs(both - cut).min() > 0


def test_f1_max_lies_midway_between_classes_that_are_apart():
    assert Rule("f1_max").of(np.array([1.0, 2.0]), np.array([5.0, 4.0])) == 3.0


@pytest.mark.parametrize("rule", [Rule("f1_max"), Rule("cost", {"miss": 1000.0})])
def test_defects_that_score_below_the_good_pictures_make_at_most_half_of_these_fail(rule):
    normal = np.array([3.0, 4.0, 5.0, 6.0])
    cut = rule.of(normal, np.array([2.0, 2.0]))
    assert np.count_nonzero(normal > cut) <= 2


@pytest.mark.parametrize(("miss", "false_alarm"), [(1, 1), (10, 1), (1, 10), (3.5, 2)])
def test_cost_is_the_lowest_of_all_thresholds_that_are_allowed(miss, false_alarm):
    random = np.random.default_rng(3)
    rule = Rule("cost", {"miss": miss, "false_alarm": false_alarm})
    for _ in range(20):
        normal, anomalous = random.normal(2, 1, 40) ** 2, random.normal(3.5, 1, 10) ** 2

        def price(at, normal=normal, anomalous=anomalous):
            missed, alarms = np.count_nonzero(anomalous <= at), np.count_nonzero(normal > at)
            return miss * missed + false_alarm * alarms

        limit = odd_limit(normal)
        allowed = [
            at
            for at in (*normal, *anomalous)
            if at <= limit and np.count_nonzero(normal > at) <= 20
        ]
        cut = rule.of(normal, anomalous)
        assert price(cut) == min(map(price, allowed))
        assert cut <= limit
        assert np.count_nonzero(normal > cut) <= 20


def test_a_more_expensive_miss_never_raises_the_threshold():
    random = np.random.default_rng(4)
    normal, anomalous = random.normal(2, 1, 40) ** 2, random.normal(3, 1, 10) ** 2
    cuts = [Rule("cost", {"miss": miss}).of(normal, anomalous) for miss in (0.1, 1, 5, 20, 100)]
    assert cuts == sorted(cuts, reverse=True)
    assert cuts[0] > cuts[-1]


@pytest.mark.parametrize("name", ["f1_max", "cost"])
def test_odd_good_pictures_raise_the_threshold_only_if_they_count(name):
    normal = np.concatenate([np.linspace(1, 1.3, 30), [8.0]])
    anomalous = np.array([9.0, 10.0, 11.0])
    assert Rule(name).of(normal, anomalous) == odd_limit(normal) < 8
    assert Rule(name, {"keep_odd": 1}).of(normal, anomalous) == 8.5


@pytest.mark.parametrize("count", [2, 5, 10, 40])
def test_robust_never_passes_more_than_the_conformal_threshold_of_its_rate(count):
    values = np.random.default_rng(count).normal(5, 1, count)
    for rate in (0.35, 0.5):
        assert Rule("robust", {"rate": rate}).of(values) <= Rule("conformal", {"rate": rate}).of(
            values
        )


def test_an_unknown_rule_is_refused_with_the_names_of_all():
    with pytest.raises(ConfigError, match=f"'luck' is unknown; known: {', '.join(RULES)}"):
        Rule("luck")


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("percentile", {"k": 3}, "percentile has no parameter k; it has q"),
        ("mean_sigma", {"q": 3}, "mean_sigma has no parameter q; it has k"),
        ("iqr", {"promise": 0.1}, "iqr has no parameter promise; it has k"),
        ("conformal", {"q": 3}, "conformal has no parameter q; it has rate, promise"),
        ("f1_max", {"k": 3}, "f1_max has no parameter k; it has keep_odd"),
        ("conformal", {"rate": 0.1, "promise": 0.1}, "a rate or a promise, not both"),
    ],
)
def test_a_parameter_that_a_rule_does_not_have_is_refused_by_name(name, parameters, message):
    with pytest.raises(ConfigError, match=message):
        Rule(name, parameters)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("percentile", {"q": 101}, "q must be a finite number between 0 and 100, not 101"),
        ("percentile", {"q": float("nan")}, "q must be a finite number"),
        ("mean_sigma", {"k": -1}, "k must be a finite number at least 0, not -1"),
        ("median_mad", {"k": float("inf")}, "k must be a finite number"),
        ("iqr", {"k": -0.1}, "k must be a finite number"),
    ],
)
def test_a_parameter_out_of_range_is_refused(name, parameters, message):
    with pytest.raises(ConfigError, match=message):
        Rule(name, parameters).of(SCORES)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["conformal", "percentile", "mean_sigma", "median_mad", "iqr"])
def test_scores_that_are_not_finite_are_refused(name, bad):
    with pytest.raises(ConfigError, match="not finite"):
        Rule(name).of(np.append(SCORES, bad))
