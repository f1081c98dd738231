"""Tests of a90/95: when a size is stated, by which method, and that it holds."""

import numpy as np
import pytest

from evaluation.acceptance.detection_curve import LINKS, bound_size, fit_curve
from evaluation.acceptance.reliable_size import (
    CURVE,
    EXACT,
    FEWEST,
    MISSED,
    TOO_FEW,
    find_reliable_size,
)
from learning.metrics.intervals import fewest_trials, lowest_share

SIZES = np.array([1.0, 2.0, 4.0, 8.0])


def table(*detected: int, pictures: int) -> np.ndarray:
    """(pictures, sizes): the first `detected` pictures of each size are found."""
    return np.array([[row < count for count in detected] for row in range(pictures)], float)


def draw(detection: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return (random.random(detection.shape) < detection).astype(float)


@pytest.mark.parametrize(("misses", "trials"), [(0, 29), (1, 46), (2, 61), (3, 76)])
def test_the_exact_bound_needs_the_known_numbers(misses: int, trials: int) -> None:
    assert fewest_trials(0.9, misses) == trials
    assert lowest_share(trials - misses, trials) >= 0.9
    assert lowest_share(trials - 1 - misses, trials - 1) < 0.9


def test_data_that_separate_are_tested_exactly() -> None:
    result = find_reliable_size(SIZES, table(0, 0, 29, 29, pictures=29))
    assert (result.size, result.method) == (4.0, EXACT)
    assert "overlap" in result.reason


def test_all_found_states_the_smallest_size() -> None:
    assert find_reliable_size(SIZES, table(40, 40, 40, 40, pictures=40)).size == 1.0


@pytest.mark.parametrize("pictures", [1, 14, FEWEST - 1])
def test_too_few_pictures_never_state_a_size(pictures: int) -> None:
    result = find_reliable_size(SIZES, table(*[pictures] * 4, pictures=pictures))
    assert (result.size, result.method) == (None, TOO_FEW)
    assert "at least 29" in result.reason
    assert str(pictures) in result.reason


@pytest.mark.parametrize("most", [0, 20, 34, 38])
def test_a_largest_size_that_is_missed_states_no_size(most: int) -> None:
    result = find_reliable_size(SIZES, table(0, most // 2, most, most, pictures=40))
    assert (result.size, result.method) == (None, MISSED)
    assert f"{40 - most} of 40" in result.reason


def test_more_pictures_are_not_asked_for_if_they_would_not_help() -> None:
    result = find_reliable_size(SIZES, table(0, 1, 3, 8, pictures=14))
    assert (result.size, result.method) == (None, MISSED)
    assert "6 of 14" in result.reason


def test_few_misses_of_the_largest_size_say_how_many_pictures_are_needed() -> None:
    result = find_reliable_size(SIZES, table(0, 5, 20, 38, pictures=40))
    assert result.size is None
    assert "2 may be missed with 61 pictures" in result.reason


def test_overlapping_data_use_a_curve_and_state_a_tested_size() -> None:
    sizes = np.array([1.0, 2.0, 4.0, 6.0, 8.0])
    result = find_reliable_size(sizes, table(2, 25, 54, 58, 61, pictures=61))
    assert result.method == CURVE
    assert result.size == 6.0, "the exact test alone would state 8"
    assert lowest_share(58, 61) < 0.9


def test_a_size_between_two_plateaus_is_not_stated() -> None:
    """A blind part of the picture: the share stays at 85 % until defects are larger than it."""
    random = np.random.default_rng(4)
    sizes = np.geomspace(2, 32, 7)
    detection = np.broadcast_to([0.45, 0.7, 0.83, 0.85, 0.87, 0.98, 1], (61, 7))
    stated = [find_reliable_size(sizes, draw(detection, random)).size for _ in range(100)]
    assert sum(size is not None and size < sizes[5] for size in stated) <= 12


def test_pictures_that_hide_all_defects_widen_the_bound() -> None:
    """The same counts: once the misses are spread over the pictures, once they are in the same."""
    random = np.random.default_rng(0)
    same = table(10, 30, 52, 61, pictures=61)
    spread = np.stack([random.permutation(column) for column in same.T], axis=1)
    bounds = []
    for detected in (spread, same):
        curve = fit_curve("logistic", SIZES, detected)
        assert curve is not None
        bounds.append(bound_size(curve, SIZES, detected, 0.9))
    assert bounds[0] is not None
    assert bounds[1] is None or bounds[1] > bounds[0]


@pytest.mark.parametrize("name", LINKS)
def test_a_curve_is_recovered_from_many_trials(name: str) -> None:
    random = np.random.default_rng(1)
    eta = -2 + 2.5 * np.log(SIZES)
    detection = np.broadcast_to(LINKS[name].detection(eta), (20_000, 4))
    curve = fit_curve(name, SIZES, draw(detection, random))
    assert curve is not None
    assert (curve.intercept, curve.slope) == (pytest.approx(-2, abs=0.1), pytest.approx(2.5, 0.04))
    assert curve.widening == pytest.approx(1, abs=0.15)


def test_a_size_that_was_not_tried_is_left_out() -> None:
    detected = table(0, 0, 29, 29, pictures=30)
    detected[29] = np.nan
    assert find_reliable_size(SIZES, detected).size == 4.0


@pytest.mark.parametrize("plateau", [0.5, 0.8, 0.88])
def test_a_plateau_below_90_percent_states_a_size_in_5_percent_at_most(plateau: float) -> None:
    random = np.random.default_rng(2)
    detection = np.broadcast_to(plateau * np.array([0.1, 0.6, 1, 1]), (61, 4))
    stated = [find_reliable_size(SIZES, draw(detection, random)).size for _ in range(200)]
    assert sum(size is not None for size in stated) <= 18  # 0.6 % by chance if 5 % are right


def test_blind_pictures_state_a_size_in_5_percent_at_most() -> None:
    """A tenth of the pictures hides every defect, so all trials of such a picture fail."""
    random = np.random.default_rng(3)
    stated = 0
    for _ in range(200):
        detection = np.where(random.random((40, 1)) < 0.11, 0.0, np.array([0.2, 0.9, 1, 1]))
        stated += find_reliable_size(SIZES, draw(detection, random)).size is not None
    assert stated <= 18
