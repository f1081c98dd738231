"""The benchmark that counts how often a stated a90/95 holds."""

from dataclasses import replace

import pytest

from benchmarks import acceptance

PICTURES = 120
LEAST = 50
"""Of 60 repeats; fewer has a probability of 0.1 % if 95 % are safe."""


@pytest.fixture(scope="module")
def truths() -> dict[str, acceptance.TrueDetection]:
    return acceptance.render_truth("hole", PICTURES, seed=1)


@pytest.mark.parametrize("engine", acceptance.ENGINES)
def test_the_stated_size_holds(engine, truths):
    safe, stated = acceptance.count_safe(truths[engine], 40, 60, seed=1)
    assert safe >= LEAST
    if engine == "steep":
        check_sizes_of_a_reliable_engine(stated)


def check_sizes_of_a_reliable_engine(stated):
    assert len(stated) > 30
    assert max(stated) <= acceptance.SIZES[-1]


def test_blind_pictures_have_no_true_size(truths):
    assert truths["blind pictures"].smallest is None
    _, stated = acceptance.count_safe(truths["blind pictures"], 40, 60, seed=1)
    assert len(stated) <= 60 - LEAST


def test_a_rule_that_states_too_small_sizes_is_noticed(truths, monkeypatch):
    rule = acceptance.find_reliable_size

    def state_half(sizes, detected):
        result = rule(sizes, detected)
        return replace(result, size=result.size and result.size / 2)

    monkeypatch.setattr(acceptance, "find_reliable_size", state_half)
    assert acceptance.count_safe(truths["steep"], 40, 60, seed=1)[0] < LEAST
