"""Verdicts of an int8 engine against those of the float32 engine."""

import numpy as np
import pytest

from inspector.core.errors import ParityError
from learning.quantising.verdicts import BAND, compare_verdicts


def compare(right: list[float], scores: list[float]):
    """With the thresholds 1 and 2."""
    return compare_verdicts("pictures", np.array(right), 1.0, np.array(scores), 2.0)


def test_each_engine_judges_by_its_own_threshold():
    result = compare([0.5, 0.9, 1.1, 3.0], [1.2, 1.9, 2.1, 7.0])
    assert (result.pictures, result.near, result.beyond) == (4, 0, 0)
    result.require()


def test_the_drift_is_the_median_ratio_of_the_scores():
    assert compare([0.5, 1.0, 2.0], [1.0, 2.2, 4.0]).drift == 2.0
    assert compare([0.0], [0.1]).drift == 1.0


def test_a_verdict_may_differ_if_both_scores_are_within_the_band():
    near = 1 - BAND / 2
    result = compare([near, 1.0], [2.0, 2 * near])
    assert (result.near, result.beyond) == (2, 0)
    result.require()


@pytest.mark.parametrize(
    ("right", "score"),
    [(1 - 2 * BAND, 2.0), (1.0, 2 - 4 * BAND), (1.0, float("nan")), (float("nan"), 1.0)],
)
def test_a_verdict_that_differs_outside_the_band_is_refused(right, score):
    result = compare([right, 0.5], [score, 1.0])
    assert (result.near, result.beyond) == (0, 1)
    with pytest.raises(ParityError, match="in int8 1 of 2 pictures get another verdict"):
        result.require()
