"""The shares that the accuracy benchmark prints, and its options."""

import math

import pytest

from benchmarks.accuracy import Shares, best_shares, main, shares_at


def test_a_picture_fails_at_the_threshold_and_above():
    assert shares_at(2.0, [1, 2, 3, 0], [2, 1]) == Shares(0.5, 0.5)
    assert shares_at(math.inf, [1, 2], [2]) == Shares(0.0, 1.0)


def test_shares_without_pictures_are_unknown():
    assert shares_at(2.0, [], [2, 1]) == Shares(None, 0.5)
    assert shares_at(2.0, [1], []) == Shares(0.0, None)


@pytest.mark.parametrize(
    ("good", "defective", "best"),
    [
        ([0, 1, 2], [3, 4], Shares(0.0, 0.0)),
        ([0, 1, 2, 9], [3, 4], Shares(0.25, 0.0)),
        ([0, 1, 2, 9], [3, 1.5, 10, 11, 12], Shares(0.0, 0.4)),
        ([5, 6], [1, 2], Shares(0.0, 1.0)),
    ],
)
def test_the_best_threshold_has_the_smallest_sum_of_both_shares(good, defective, best):
    assert best_shares(good, defective) == best


@pytest.mark.parametrize("text", ["rad", "nothing=--radius 0", "=--radius 0"])
def test_options_of_no_method_are_refused(text, capsys, tmp_path):
    with pytest.raises(SystemExit, match="2"):
        main(["--data", str(tmp_path), "--options", text])
    assert "is not METHOD=OPTIONS" in capsys.readouterr().err
