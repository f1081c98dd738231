"""Sums per distinct score."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning.metrics import keys
from learning.metrics.keys import KeySums, to_keys, to_scores

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=100, deadline=None)
@given(st.lists(floats, min_size=2, max_size=50))
def test_keys_keep_the_order_of_scores_and_give_them_back(values):
    scores = np.array(values, np.float32)
    keys = to_keys(scores)
    np.testing.assert_array_equal(to_scores(keys), scores)
    np.testing.assert_array_equal(keys[:, None] < keys, scores[:, None] < scores)
    np.testing.assert_array_equal(keys[:, None] == keys, scores[:, None] == scores)


@pytest.mark.parametrize("dense", [0, 1 << 30])
@pytest.mark.parametrize("count", [0, 1, 500])
def test_counting_by_sorting_and_by_a_table_is_the_same(dense, count, monkeypatch):
    monkeypatch.setattr(keys, "DENSE", dense)
    values = np.random.default_rng(0).integers(1 << 31, (1 << 31) + 90, count).astype(np.uint32)
    expected, counts = np.unique(values, return_counts=True)
    key_sums = KeySums.count(values.copy())
    assert key_sums.keys.dtype == np.uint32
    np.testing.assert_array_equal(key_sums.keys, expected)
    np.testing.assert_array_equal(key_sums.sums[0], counts)


def test_merging_and_dropping_bits_lose_no_sum():
    rng = np.random.default_rng(1)
    parts = [
        KeySums.count_weighted(rng.integers(0, 300, 200).astype(np.uint32), rng.random(200))
        for _ in range(2)
    ]
    merged = parts[0].merge_with(parts[1])
    coarse = merged.without_bits(3)
    for key_sums in (merged, coarse):
        assert np.all(np.diff(key_sums.keys.astype(np.int64)) > 0)
        assert key_sums.sums[0].sum() == 400
        assert key_sums.sums[1].sum() == pytest.approx(sum(part.sums[1].sum() for part in parts))
    assert coarse.keys.max() <= 299 >> 3
    at = merged.sums[0][(merged.keys >= 80) & (merged.keys < 88)].sum()
    assert coarse.sums[0][coarse.keys == 10] == [at]
