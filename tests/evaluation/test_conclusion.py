"""The sentence that says whether a threshold is useful."""

import numpy as np
import pytest
from plate_dataset import evaluate, write_class_folder

from evaluation.conclusion import (
    CHOOSE_METHOD,
    CHOOSE_THRESHOLD,
    UNKNOWN,
    USEFUL,
    Conclusion,
    conclude,
)
from evaluation.terminal_tables import class_lines
from learning.metrics import image


def conclusion_of(good: list[float], defective: list[float], threshold: float) -> Conclusion:
    scores = np.array([*good, *defective])
    return conclude(image.steps(scores, np.arange(len(scores)) >= len(good)), threshold)


def spread(low: float, high: float, count: int) -> list[float]:
    return np.linspace(low, high, count).tolist()


def test_a_threshold_between_good_and_defective_scores_is_useful() -> None:
    result = conclusion_of([*spread(0, 1, 39), 2.1], [*spread(2, 4, 38), 0.5, 0.6], 2.0)
    assert result.status == USEFUL
    assert result.sentence == (
        "This threshold is useful: it misses 2 of 40 defective pictures (5.0 %) and fails 1 of 40 "
        "good pictures (2.5 %)."
    )


def test_a_threshold_that_is_too_high_names_a_better_one() -> None:
    result = conclusion_of(spread(0, 1, 200), spread(0.96, 3, 50), 2.99)
    assert result.status == CHOOSE_THRESHOLD
    assert result.best is not None
    assert result.sentence.startswith(
        "This threshold is not useful: it misses 49 of 50 defective pictures (98.0 %) and fails 0 "
        "of 200 good pictures (0.0 %). Choose another threshold or rate: at "
    )
    assert f"would miss {result.best.misses} of 50 and fail" in result.sentence
    assert result.best.false_alarms <= 10
    assert result.best.misses <= 1


def test_a_threshold_that_is_too_low_names_a_better_one() -> None:
    result = conclusion_of(spread(0, 1, 40), spread(2, 3, 40), 0.5)
    assert result.status == CHOOSE_THRESHOLD
    assert result.best is not None
    assert result.best.threshold == pytest.approx(1.5), "in the middle of the gap"
    assert (result.best.false_alarms, result.best.misses) == (0, 0)
    assert "it misses 0 of 40 defective pictures (0.0 %) and fails 20 of 40" in result.sentence


def test_scores_that_overlap_need_another_method() -> None:
    result = conclusion_of(spread(0, 1, 40), spread(0.4, 1.4, 40), 1.01)
    assert result.status == CHOOSE_METHOD
    assert "no other one is" in result.sentence
    assert "image AUROC 0.8" in result.sentence
    assert "choose another method" in result.sentence


def test_random_scores_never_give_a_useful_threshold() -> None:
    scores = np.random.default_rng(0).random(200).tolist()
    for threshold in (-1.0, 0.2, 0.5, 0.9, 2.0):
        assert conclusion_of(scores[:100], scores[100:], threshold).status == CHOOSE_METHOD


def test_without_defective_pictures_only_false_alarms_are_judged() -> None:
    calm = conclusion_of(spread(0, 1, 40), [], 2.0)
    assert calm.status == UNKNOWN
    assert "has no defective pictures: the threshold fails 0 of 40 good pictures" in calm.sentence
    alarming = conclusion_of(spread(0, 1, 40), [], 0.5)
    assert alarming.status == CHOOSE_THRESHOLD
    assert "fails 20 of 40 good pictures (50.0 %). Choose a higher threshold" in alarming.sentence
    assert calm.best is alarming.best is None


def test_without_good_pictures_the_test_says_what_is_missing() -> None:
    result = conclusion_of([], spread(0, 1, 4), 0.5)
    assert result.status == UNKNOWN
    assert "misses 2 of 4 defective pictures (50.0 %). Test with good pictures" in result.sentence


@pytest.mark.parametrize(
    ("good", "defective", "small"), [(9, 10, True), (10, 9, True), (10, 10, False)]
)
def test_a_small_test_says_so(good: int, defective: int, small: bool) -> None:
    result = conclusion_of(spread(0, 1, good), spread(2, 3, defective), 1.5)
    assert result.status == USEFUL
    assert ("This is a small test" in result.sentence) is small


@pytest.mark.parametrize("threshold", [0.0, 1.0, 5.0])
def test_equal_scores_of_all_pictures_cannot_be_separated(threshold: float) -> None:
    result = conclusion_of([1.0] * 20, [1.0] * 20, threshold)
    assert result.status == CHOOSE_METHOD
    assert result.best is not None
    assert (result.best.false_alarms, result.best.misses) == (0, 20)


def test_a_score_at_the_threshold_fails() -> None:
    assert conclusion_of(spread(0, 1, 20), [2.0] * 20, 2.0).status == USEFUL


def test_the_terminal_begins_with_the_sentence_of_the_result(tmp_path) -> None:
    result = evaluate(write_class_folder(tmp_path / "plates"))
    assert class_lines(result)[0] == f"plates: {result.conclusion.sentence}"
    at = result.at_threshold
    assert f"{at.misses} of {at.misses + at.true_alarms} defective" in result.conclusion.sentence
