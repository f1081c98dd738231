"""The benchmark that counts how often a stated a90/95 holds."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from benchmarks import acceptance

PICTURES = 120
LEAST = 50
"""Of 60 repeats; fewer has a probability of 0.1 % if 95 % are safe."""


@pytest.fixture(scope="module")
def truths() -> dict[str, acceptance.TrueDetection]:
    return acceptance.render_truth("hole", PICTURES, seed=1)


@pytest.fixture(scope="module")
def count(truths) -> Callable[[str], tuple[int, list[float]]]:
    """Name of an engine -> the result of count_safe, computed once."""
    return cache(lambda engine: acceptance.count_safe(truths[engine], 40, 60, seed=1))


@pytest.mark.parametrize("engine", acceptance.ENGINES)
def test_the_stated_size_holds(engine, count):
    assert count(engine)[0] >= LEAST


def test_a_reliable_engine_gets_a_size(count):
    _, stated = count("steep")
    assert len(stated) > 30
    assert max(stated) <= acceptance.SIZES[-1]


def test_blind_pictures_have_no_true_size(truths, count):
    assert truths["blind pictures"].smallest is None
    _, stated = count("blind pictures")
    assert len(stated) <= 60 - LEAST


def test_a_rule_that_states_too_small_sizes_is_noticed(truths, monkeypatch):
    rule = acceptance.find_reliable_size

    def state_half(sizes, detected):
        result = rule(sizes, detected)
        return replace(result, size=result.size and result.size / 2)

    monkeypatch.setattr(acceptance, "find_reliable_size", state_half)
    assert acceptance.count_safe(truths["steep"], 40, 60, seed=1)[0] < LEAST
