"""Results are computed ahead of their use, in order, and never more than asked for."""

import threading

import pytest

from learning.ahead import compute_ahead


def test_the_results_come_in_order_from_another_thread():
    def compute(number):
        assert threading.current_thread().name.startswith("square")
        return number**2

    pairs = list(compute_ahead(compute, range(5), "square"))
    assert pairs == [(0, 0), (1, 1), (2, 4), (3, 9), (4, 16)]


def test_one_result_is_computed_ahead():
    begun = []
    for item, _ in compute_ahead(begun.append, range(8), ""):
        assert len(begun) <= item + 2


def test_an_error_is_raised_where_its_result_would_come():
    pairs = compute_ahead(lambda number: 1 / (1 - number), range(4), "")
    assert next(pairs) == (0, 1)
    with pytest.raises(ZeroDivisionError):
        next(pairs)
