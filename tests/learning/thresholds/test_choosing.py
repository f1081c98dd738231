"""Thresholds and their stated rates."""

import numpy as np
import pytest

from inspector.core.errors import ConfigError
from learning.thresholds import choosing, folds
from learning.thresholds.folds import LeftOut
from learning.thresholds.rules import Rule, supported_rate


def left_out(scores: np.ndarray) -> LeftOut:
    scores = scores.astype(np.float32)
    return LeftOut(scores, scores * np.float32(1.5), scores * np.float32(0.1), 10)


def test_the_threshold_at_one_in_n_plus_one_lies_just_above_the_highest_normal():
    scores = np.random.default_rng(0).random(31)
    chosen = choosing.choose_thresholds(left_out(scores), Rule("conformal", {"rate": 1 / 32}))
    assert chosen.image > np.float32(scores.max())
    assert chosen.image == pytest.approx(scores.max(), rel=1e-6)
    assert chosen.rule.interval[0] == 0


@pytest.mark.parametrize(
    ("count", "rate", "alarms"), [(99, 0.01, 0), (100, 0.05, 4), (199, 0.1, 19)]
)
def test_as_many_normals_reach_the_threshold_as_the_rate_allows(count, rate, alarms):
    scores = np.random.default_rng(1).permutation(count) / count
    chosen = choosing.choose_thresholds(left_out(scores), Rule("conformal", {"rate": rate}))
    assert np.count_nonzero(scores.astype(np.float32) >= np.float32(chosen.image)) == alarms


def test_new_normals_raise_alarms_at_most_at_the_stated_rate():
    random = np.random.default_rng(2)
    alarms = []
    for _ in range(1000):
        scores = random.normal(size=40)
        chosen = choosing.choose_thresholds(left_out(scores), Rule("conformal", {"rate": 0.1}))
        alarms.append(random.normal() >= chosen.image)
    # Standard error of 1000 draws at 0.1 is 0.0095.
    assert np.mean(alarms) < 0.1 + 3 * 0.0095


def test_few_pictures_get_the_least_rate_that_they_support_and_many_get_five_percent():
    assert supported_rate(8, None) == 1 / 9
    assert supported_rate(500, None) == 0.05


def test_a_rate_that_the_pictures_cannot_support_is_refused_with_the_number_needed():
    with pytest.raises(ConfigError, match=r"at least 99 good pictures, .* only 31: .* rate 1/32$"):
        supported_rate(31, 0.01)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_a_rate_outside_zero_and_one_is_refused(rate):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        supported_rate(10, rate)


def test_the_colour_scale_begins_at_the_usual_level_and_holds_the_threshold_at_its_middle():
    chosen = choosing.choose_thresholds(left_out(np.linspace(0.1, 0.2, 20)))
    low, high = chosen.display_range
    assert low == pytest.approx(0.015)
    assert (chosen.pixel - low) / (high - low) == pytest.approx(0.5)


def test_normals_that_are_all_the_same_get_thresholds_above_rounding():
    chosen = choosing.choose_thresholds(left_out(np.full(10, 3e-8)))
    assert min(chosen.image, chosen.pixel) > 1e-5
    assert chosen.display_range[0] < chosen.pixel < chosen.display_range[1]


def test_a_picture_far_above_the_others_is_a_suspect_and_ordinary_spread_is_not():
    random = np.random.default_rng(3)
    ordinary = random.normal(0.1, 0.01, 60)
    assert len(choosing.find_suspects(ordinary)) == 0
    assert list(choosing.find_suspects(np.append(ordinary, [0.4, 0.9]))) == [61, 60]


@pytest.mark.parametrize(("count", "parts"), [(2, 2), (20, 20), (21, 10), (103, 10)])
@pytest.mark.parametrize("ordered", [True, False])
def test_folds_hold_every_picture_once(count, parts, ordered):
    split = folds.split_folds(count, ordered=ordered, seed=0)
    assert len(split) == parts
    assert sorted(np.concatenate(split)) == list(range(count))


def test_folds_of_a_stream_are_contiguous():
    for part in folds.split_folds(103, ordered=True, seed=0):
        assert np.all(np.diff(part) == 1)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("percentile", {"q": 200.0}),
        ("percentile", {"q": np.nan}),
        ("mean_sigma", {"k": np.nan}),
        ("median_mad", {"k": -1.0}),
        ("iqr", {"k": np.inf}),
    ],
)
def test_a_parameter_that_a_rule_cannot_take_is_refused_before_anything_is_scored(name, parameters):
    with pytest.raises(ConfigError, match="must be a finite number"):
        choosing.check_supported(Rule(name, parameters), 20)


@pytest.mark.filterwarnings("error")
def test_a_threshold_beyond_every_score_is_refused():
    scores = np.linspace(1, 2, 20, dtype=np.float32)
    left_out = LeftOut(scores, scores, scores / 2, 10)
    with pytest.raises(ConfigError, match="which no score can reach"):
        choosing.choose_thresholds(left_out, Rule("mean_sigma", {"k": 1e300}))
