"""Frames of a stream, and how many of them count as independent."""

import itertools

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import norm

from inspector.core.errors import ConfigError
from learning.thresholds.blocks import block_length, block_maxima
from learning.thresholds.choosing import choose_thresholds, independent_parts
from learning.thresholds.folds import LeftOut
from learning.thresholds.rules import Rule, least_promise


def autoregressive(count: int, memory: float, seed: int) -> np.ndarray:
    """Standard normal scores, each `memory` times the one before plus noise."""
    noise = np.random.default_rng(seed).normal(size=count)
    noise[1:] *= np.sqrt(1 - memory**2)
    return lfilter([1.0], [1.0, -memory], noise)


def of(scores: np.ndarray, *, ordered: bool = True) -> LeftOut:
    # Far above 0, where thresholds have a floor.
    values = (scores + 100).astype(np.float32)
    return LeftOut(values, values, values * np.float32(0.5), 10, ordered=ordered)


def test_independent_scores_give_blocks_of_one():
    lengths = [block_length(autoregressive(200, 0.0, seed)) for seed in range(200)]
    assert np.mean(np.array(lengths) == 1) > 0.95


@pytest.mark.parametrize("count", [100, 400])
def test_the_longer_scores_remember_the_fewer_blocks_there_are(count):
    blocks = [
        np.median(
            [independent_parts(of(autoregressive(count, memory, seed))).count for seed in range(40)]
        )
        for memory in (0.0, 0.5, 0.8, 0.95)
    ]
    assert blocks[0] == count
    assert all(fewer < more / 1.3 for more, fewer in itertools.pairwise(blocks))


def test_the_length_of_a_block_is_about_the_lag_at_which_a_known_correlation_dies():
    # 0.9^k falls below 2 sqrt(log10(1000) / 1000) = 0.11 at k = 21.
    lengths = [block_length(autoregressive(1000, 0.9, seed)) for seed in range(60)]
    assert 15 < np.median(lengths) < 30


@pytest.mark.parametrize(
    "scores", [np.full(50, 0.3), np.full(50, 0.3) + 1e-12 * np.arange(50), np.array([1.0, 2.0])]
)
def test_equal_scores_and_two_scores_are_blocks_of_one(scores):
    assert block_length(scores) == 1


def test_a_steady_drift_leaves_few_independent_blocks():
    assert independent_parts(of(np.linspace(0, 1, 200))).count <= 5


def test_block_maxima_are_the_highest_of_neighbours_and_lose_no_frame():
    values = np.array([1, 5, 2, 3, 9, 4, 7], np.float32)
    assert list(block_maxima(values, 1)) == list(values)
    assert list(block_maxima(values, 3)) == [5, 9]
    assert list(block_maxima(values, 7)) == [9]
    assert list(block_maxima(values, 20)) == [9]


def test_pictures_that_are_no_stream_all_count():
    assert independent_parts(of(autoregressive(200, 0.95, 0), ordered=False)).count == 200


def test_the_rule_says_frames_block_length_and_blocks():
    left_out = of(autoregressive(300, 0.9, 3))
    rule, parts = choose_thresholds(left_out).rule, independent_parts(left_out)
    assert parts.length > 5
    assert (rule.normals, rule.block_frames, rule.blocks) == (300, parts.length, parts.count)
    assert rule.false_alarm_rate == pytest.approx(max(0.01, 1 / (parts.count + 1)))
    assert any(
        f"{parts.count} blocks of {parts.length} good frames" in sentence
        for sentence in rule.sentences()
    )
    assert "neighbouring frames are alike" in rule.note


def test_a_rate_that_only_the_frames_would_support_is_refused():
    with pytest.raises(ConfigError, match=r"needs at least 99 independent blocks of \d+ frames"):
        choose_thresholds(of(autoregressive(300, 0.9, 3)), Rule("conformal", {"rate": 0.01}))


def test_blocks_keep_a_promise_that_counting_frames_breaks():
    promises_held: dict[bool, list[bool]] = {True: [], False: []}
    for seed in range(100):
        scores = autoregressive(600, 0.9, seed)
        promise = max(0.15, least_promise(independent_parts(of(scores)).count))
        rule = Rule("conformal", {"promise": promise})
        for ordered, results in promises_held.items():
            limit = choose_thresholds(of(scores, ordered=ordered), rule).image - 100
            results.append(norm.sf(limit) <= promise)
    assert np.mean(promises_held[True]) > 0.95
    assert np.mean(promises_held[False]) < 0.85
