"""The benchmark that counts kept promises in simulated fits."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import promise
from learning.thresholds.rules import SUSPECTS, Rule


@pytest.fixture(autouse=True)
def few_fits(monkeypatch) -> None:
    monkeypatch.setattr(promise, "FITS", 300)
    monkeypatch.setattr(promise, "KNOWN", 100_000)


LEAST = 273
"""Of 300 fits; fewer has a probability of 0.1 % if 95 % keep the promise."""


@pytest.mark.parametrize("suspects", SUSPECTS)
@pytest.mark.parametrize("scores", ["gamma", "3 % odd"])
def test_the_default_keeps_its_promise(suspects, scores):
    draw = promise.SCORES[scores]
    fulfilled, share, stated = promise.count_kept(draw, 40, None, suspects, seed=1)
    assert fulfilled >= LEAST
    assert 0 < share < stated < 1


def test_a_rule_that_promises_too_much_is_noticed(monkeypatch):
    monkeypatch.setattr(promise, "choose_with_rates", half_the_promise(promise.choose_with_rates))
    rule = Rule("conformal", {"rate": 0.05})
    assert promise.count_kept(promise.SCORES["gamma"], 40, rule, "keep", seed=1)[0] < LEAST


def half_the_promise(choose):
    """The same choice with a promise that is half as large."""

    def choose_half(*arguments, **options):
        limits, rates = choose(*arguments, **options)
        rule = replace(limits.rule, promise=limits.rule.promise / 2)
        return replace(limits, rule=rule), rates

    return choose_half


def draw_evenly(random: np.random.Generator, count: int) -> np.ndarray:
    return random.random(count)


def test_the_share_of_false_alarms_is_that_of_the_distribution():
    rule = Rule("conformal", {"rate": 0.1})
    _, share, _ = promise.count_kept(
        lambda random, count: random.random(count), 39, rule, "keep", seed=2
    )
    assert share == pytest.approx(0.1, abs=4 * np.sqrt(0.1 * 0.9 / 40 / 300))
