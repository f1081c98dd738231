"""Numbers for readers."""

import pytest

from evaluation.formats import fraction, percent, score, score_beside


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.0000"),
        (0.99999995, ">0.9999"),
        (0.99995, ">0.9999"),
        (0.99994, "0.9999"),
        (0.5, "0.5000"),
        (0.00004, "<0.0001"),
        (0.0, "0.0000"),
        (-0.25, "-0.2500"),
    ],
)
def test_only_an_exact_0_or_1_looks_like_it(value: float, text: str) -> None:
    assert fraction(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "100.0 %"),
        (1999 / 2000, ">99.9 %"),
        (0.999, "99.9 %"),
        (0.0, "0.0 %"),
        (1e-4, "<0.1 %"),
    ],
)
def test_only_an_exact_share_of_0_or_1_looks_like_it(share: float, text: str) -> None:
    assert percent(share) == text


def test_a_score_is_never_written_as_the_threshold_that_it_does_not_reach() -> None:
    assert score_beside(0.49999, 0.5) == "0.49999"
    assert score_beside(0.25, 0.5) == "0.2500"
    assert score_beside(0.5, 0.5) == "0.5000"
    assert score_beside(None, 0.5) == "-"
    assert (score(1.0), score(1e-5), score(None)) == ("1.000", "1.000e-05", "-")
