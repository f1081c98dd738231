"""Tests of the sentences that state the result of an acceptance test."""

import pytest

from evaluation.acceptance.results import analyse_kind
from evaluation.acceptance.sentences import kind_sentence, rate_text
from evaluation.acceptance.trials import DefectTrial
from evaluation.class_metrics import make_rate


def trials(pictures: int, *detected: int) -> list[DefectTrial]:
    """Sizes 1, 2 ...; of each, the first `detected` pictures FAIL."""
    return [
        DefectTrial(f"{row}.png", "hole", float(size), "FAIL" if row < count else "PASS")
        for size, count in enumerate(detected, 1)
        for row in range(pictures)
    ]


@pytest.mark.parametrize(
    ("pictures", "detected", "words"),
    [
        (29, (0, 29), "hole: a size of 2 mm is found with a probability of 90 % or more"),
        (29, (29, 29), "Smaller sizes were not tested."),
        (40, (0, 0, 0), "hole: not found up to 3 mm"),
        (40, (0, 20, 38), "2 may be missed with 61 pictures"),
        (14, (0, 14), "too few pictures to state a size: at least 29 pictures are needed, and 14"),
        (14, (0, 2), "hole: not found up to 2 mm"),
    ],
)
def test_a_kind_is_stated_in_one_sentence(
    pictures: int, detected: tuple[int, ...], words: str
) -> None:
    sentence = kind_sentence(analyse_kind(trials(pictures, *detected), "hole"), "mm")
    assert words in sentence
    assert ("is found" in sentence) == (words.startswith(("hole: a size", "Smaller")))


def test_errors_are_neither_detected_nor_slip() -> None:
    rows = [DefectTrial("a", "hole", 1.0, "ERROR"), DefectTrial("b", "hole", 1.0, "NOT DRAWN")]
    size = analyse_kind(rows, "hole").sizes[0]
    assert (size.drawn, size.detected, size.errors, size.slip.count) == (1, 0, 1, 0)


def test_a_rate_has_its_exact_interval() -> None:
    assert rate_text(make_rate(2, 61)) == "2 of 61, 3.3 % (0.4 to 11.3 %)"
    assert rate_text(make_rate(0, 0)) == "none tested"
