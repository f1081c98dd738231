"""Metrics of one score per picture."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from inspector.core.errors import DataError
from learning.metrics import curves, image


def sample(seed: int, levels: int, count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    anomalous = rng.random(count) < 0.3
    scores = (
        np.round(rng.normal(anomalous * 0.8), 6) if not levels else rng.integers(levels, size=count)
    )
    return np.asarray(scores, dtype=np.float64), anomalous


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0, 2, 5, 40]))
def test_areas_equal_those_of_scikit_learn_with_ties(seed, levels):
    scores, anomalous = sample(seed, levels)
    auroc = image.auroc(scores, anomalous)
    assert auroc.value == pytest.approx(reference.roc_auc_score(anomalous, scores), abs=1e-12)
    ap = image.average_precision(scores, anomalous)
    expected = reference.average_precision_score(anomalous, scores)
    assert ap.value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("levels", [0, 2, 5, 40])
def test_steps_are_the_points_of_scikit_learns_curves(levels):
    scores, anomalous = sample(1, levels)
    steps = image.steps(scores, anomalous)
    fpr, tpr, thresholds = reference.roc_curve(anomalous, scores, drop_intermediate=False)
    np.testing.assert_allclose(steps.alarms / np.count_nonzero(~anomalous), fpr[1:], atol=1e-12)
    np.testing.assert_allclose(steps.detected / np.count_nonzero(anomalous), tpr[1:], atol=1e-12)
    np.testing.assert_array_equal(steps.thresholds, thresholds[1:])
    precision, _, _ = reference.precision_recall_curve(anomalous, scores)
    computed = curves.precision(steps.detected, steps.alarms)
    np.testing.assert_allclose(computed, precision[-2::-1], atol=1e-12)


@pytest.mark.parametrize("levels", [0, 5])
def test_f1_max_is_the_greatest_of_the_points_of_scikit_learn(levels):
    scores, anomalous = sample(2, levels)
    precision, recall, thresholds = reference.precision_recall_curve(anomalous, scores)
    both = precision + recall
    values = 2 * precision * recall / np.where(both > 0, both, 1)
    metric, threshold = image.f1_max(scores, anomalous)
    assert metric.value == pytest.approx(values.max(), abs=1e-12)
    assert threshold in thresholds[np.isclose(values[:-1], values.max(), rtol=0, atol=1e-12)]
    at = reference.f1_score(anomalous, scores >= threshold)
    assert metric.value == pytest.approx(at, abs=1e-12)


@pytest.mark.parametrize(
    ("anomalous", "reason"),
    [
        (np.zeros(4, bool), "no defective pictures"),
        (np.ones(4, bool), "no good pictures"),
        (np.zeros(0, bool), "no defective pictures"),
    ],
)
def test_a_missing_kind_is_nan_with_a_reason(anomalous, reason):
    scores = np.arange(float(anomalous.size))
    f1, threshold = image.f1_max(scores, anomalous)
    for metric in (image.auroc(scores, anomalous), image.average_precision(scores, anomalous), f1):
        assert math.isnan(metric.value)
        assert metric.reason == reason
        assert not metric.defined
    assert math.isnan(threshold)


@pytest.mark.parametrize("measure", [image.auroc, image.average_precision, image.f1_max])
def test_scores_that_are_not_numbers_are_counted_and_refused(measure):
    scores = np.array([0.1, np.nan, 0.3, np.nan, np.inf])
    with pytest.raises(DataError, match="3 of 5 scores are not finite"):
        measure(scores, np.array([True, False, True, False, False]))


def test_scores_of_another_number_of_pictures_are_refused():
    with pytest.raises(DataError, match="3 scores were given for 2 pictures"):
        image.auroc(np.zeros(3), np.zeros(2, bool))


def test_a_perfect_f1_is_exactly_one():
    metric, _ = image.f1_max(np.array([1.0, 2.0, 3.0]), np.array([False, True, True]))
    assert metric.value == 1.0
