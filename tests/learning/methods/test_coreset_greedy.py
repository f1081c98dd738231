"""Greedy k-centre: the same choice as the naive rule, in bounded memory."""

import tracemalloc

import numpy as np
import pytest

from learning.methods import coreset


def naive(pool: np.ndarray, keep: int) -> list[int]:
    wide = pool.astype(np.float64)
    chosen = [0]
    apart = np.linalg.norm(wide - wide[0], axis=1)
    for _ in range(keep - 1):
        chosen.append(int(np.argmax(apart)))
        apart = np.minimum(apart, np.linalg.norm(wide - wide[chosen[-1]], axis=1))
    return chosen


def rows(count: int, channels: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    scales = random.uniform(0.1, 5, (count, 1))
    return (random.normal(0, 1, (count, channels)) * scales + 3).astype(np.float32)


@pytest.mark.parametrize(("count", "keep"), [(1500, 200), (300, 299), (40, 1), (2, 2)])
def test_it_chooses_what_the_naive_rule_chooses(count, keep):
    pool = rows(count, 12)
    chosen, _ = coreset.greedy(pool, keep)
    assert chosen.tolist() == naive(pool, keep)


def test_equal_distances_take_the_lowest_index():
    corners = np.array([(x, y, z) for x in (0, 4) for y in (0, 4) for z in (0, 4)], np.float32)
    pool = np.tile(corners, (80, 1))
    chosen, squared = coreset.greedy(pool, 8)
    assert chosen.tolist() == naive(pool, 8)
    assert squared == 0


def test_copies_fill_up_what_distinct_rows_leave():
    pool = np.repeat(rows(3, 6), 1000, axis=0)
    chosen, squared = coreset.greedy(pool, 5)
    assert set(chosen[:3].tolist()) == {0, 1000, 2000}
    assert len(set(chosen.tolist())) == 5
    assert squared == pytest.approx(0, abs=1e-4)


def test_the_radius_covers_every_row_and_no_more():
    pool = rows(900, 8)
    chosen, squared = coreset.greedy(pool, 50)
    gaps = np.linalg.norm(pool[:, None] - pool[chosen], axis=2).min(axis=1)
    assert gaps.max() ** 2 == pytest.approx(squared, rel=1e-4)


def test_it_holds_no_matrix_of_all_pairs():
    pool = rows(20_000, 16)
    tracemalloc.start()
    coreset.greedy(pool, 400)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 20_000 * coreset.SHORTLIST * 4


def test_projection_keeps_distances_in_the_mean_and_leaves_short_vectors_alone():
    pool = rows(200, 600)
    seen = coreset.project(pool, 128, seed=1)
    assert seen.shape == (200, 128)
    ratios = np.linalg.norm(seen[1:] - seen[0], axis=1) / np.linalg.norm(pool[1:] - pool[0], axis=1)
    assert ratios.mean() == pytest.approx(1, abs=0.05)
    assert ratios.min() > 0.7
    assert np.array_equal(seen, coreset.project(pool, 128, seed=1))
    short = rows(5, 128)
    assert coreset.project(short, 128, seed=1) is short


def test_a_draw_is_rising_without_repetition_and_the_same_for_a_seed():
    drawn = coreset.draw(1000, 300, seed=3)
    assert len(drawn) == 300
    assert (np.diff(drawn) > 0).all()
    assert np.array_equal(drawn, coreset.draw(1000, 300, seed=3))
    assert np.array_equal(coreset.draw(5, 9, seed=3), np.arange(5))
