"""Results are computed in order, one ahead of the one that is used."""

import threading
import weakref

import pytest
from waiting import wait_for

from learning.ahead import compute_ahead


class Result:
    """Can be referred to weakly."""


def test_the_results_come_in_order_from_another_thread():
    def compute(number):
        assert threading.current_thread().name.startswith("square")
        return number**2

    assert list(compute_ahead(compute, range(5), "square")) == [
        (0, 0),
        (1, 1),
        (2, 4),
        (3, 9),
        (4, 16),
    ]


def test_one_result_is_computed_while_another_is_used():
    begun = [threading.Event() for _ in range(6)]
    for item, _ in compute_ahead(lambda number: begun[number].set(), range(6), ""):
        if item < 5:
            assert begun[item + 1].wait(30)
        assert not any(event.is_set() for event in begun[item + 2 :])


def test_a_result_is_freed_before_the_next_one_is_waited_for():
    used = []

    def compute(number):
        if number:
            wait_for(lambda: len(used) == number and used[-1]() is None)
        return Result()

    for _, result in compute_ahead(compute, range(4), ""):
        used.append(weakref.ref(result))
        del result


def test_an_error_is_raised_where_its_result_would_come():
    pairs = compute_ahead(lambda number: 1 / (1 - number), range(4), "")
    assert next(pairs) == (0, 1)
    with pytest.raises(ZeroDivisionError):
        next(pairs)
