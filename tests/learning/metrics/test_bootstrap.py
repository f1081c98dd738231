"""Resampling of pictures."""

import math

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from learning.metrics import bootstrap
from learning.metrics.bootstrap import compare, with_interval


def gaussian(seed: int, count: int = 50, shift: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    anomalous = np.arange(2 * count) < count
    return np.random.default_rng(seed).normal(anomalous * shift), anomalous


def test_the_interval_covers_the_true_auroc_as_often_as_it_says():
    true = norm.cdf(1 / math.sqrt(2))
    covered = 0
    for seed in range(200):
        metric = with_interval(*gaussian(seed), "auroc", seed=seed, replicates=200)
        assert metric.interval is not None
        covered += metric.interval[0] <= true <= metric.interval[1]
    # 95 % of 200, give or take three standard deviations and the shortness of percentiles.
    assert 177 <= covered <= 199


@pytest.mark.parametrize("ties", [False, True])
def test_replicates_are_figures_of_pictures_drawn_again_within_their_kind(ties):
    scores, anomalous = gaussian(1)
    scores = np.round(scores, 0 if ties else 9)
    rows = next(bootstrap._draws(anomalous, 3, 5))
    assert (rows[:, anomalous].sum(axis=1) == 50).all()
    assert (rows[:, ~anomalous].sum(axis=1) == 50).all()
    for figure, oracle in (
        ("auroc", roc_auc_score),
        ("average_precision", average_precision_score),
    ):
        statistic = bootstrap.FIGURES[figure].statistic
        (replicates,) = bootstrap._replicates([scores], anomalous, statistic, 3, 5)
        for row, value in zip(rows, replicates, strict=True):
            expected = oracle(anomalous, scores, sample_weight=row)
            assert value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("figure", bootstrap.FIGURES)
def test_every_figure_gets_an_interval_around_it_that_the_seed_repeats(figure):
    scores, anomalous = gaussian(2, count=100)
    metric = with_interval(scores, anomalous, figure, seed=5)
    assert metric.interval is not None
    low, high = metric.interval
    assert low < metric.value < high
    assert 0.02 < high - low < 0.25
    assert metric == with_interval(scores, anomalous, figure, seed=5)
    assert metric.interval != with_interval(scores, anomalous, figure, seed=6).interval


def test_an_engine_against_itself_differs_by_nothing():
    scores, anomalous = gaussian(3)
    (difference,) = compare([scores, scores], anomalous, "auroc")
    assert (difference.value, difference.interval, difference.p) == (0, (0, 0), 1)


def test_a_clearly_better_engine_is_significant_and_a_like_one_is_not():
    scores, anomalous = gaussian(4, count=100)
    noise = np.random.default_rng(5).normal(size=200)
    engines = [scores, scores + 1.5 * noise, scores + 0.1 * noise]
    worse, like, rest = compare(engines, anomalous, "auroc")
    assert [(difference.first, difference.second) for difference in (worse, like, rest)] == [
        (0, 1),
        (0, 2),
        (1, 2),
    ]
    assert worse.value > 0.05
    assert worse.p < 0.01
    assert worse.interval is not None
    assert worse.interval[0] > 0
    assert like.p > 0.05
    assert rest.value == pytest.approx(like.value - worse.value)


def test_pairing_makes_the_interval_of_the_difference_narrower():
    scores, anomalous = gaussian(6)
    other = scores + 0.2 * np.random.default_rng(7).normal(size=100)
    (paired,) = compare([scores, other], anomalous, "average_precision")
    alone = with_interval(scores, anomalous, "average_precision")
    assert paired.interval is not None
    assert alone.interval is not None
    assert np.ptp(paired.interval) < np.ptp(alone.interval) / 2


def test_intervals_that_say_nothing_say_so():
    anomalous = np.arange(10) < 5
    perfect = with_interval(anomalous.astype(float), anomalous, "auroc")
    assert perfect.interval == (1, 1)
    assert perfect.reason == "every resample gives the same value, so the interval says nothing"
    lone = with_interval(np.arange(5.0), np.arange(5) == 3, "auroc")
    assert lone.interval is None
    assert lone.value == 0.75
    assert "too few" in lone.reason


def test_undefined_figures_stay_undefined():
    metric = with_interval(np.arange(3.0), np.zeros(3, bool), "auroc")
    assert math.isnan(metric.value)
    assert metric.reason == "no defective pictures"
    (gap,) = compare([np.arange(3.0)] * 2, np.zeros(3, bool), "auroc")
    assert math.isnan(gap.value)
    assert math.isnan(gap.p)
    assert gap.interval is None
