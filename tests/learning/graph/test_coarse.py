"""The search with 8-bit codes against brute force in float64."""

import numpy as np
import onnxruntime
import pytest
import spox

from learning.graph import coarse, nearest

CHANNELS = 24


def search(bank: np.ndarray, query: np.ndarray, scale: float = 1.0) -> tuple[np.ndarray, ...]:
    """Index and squared distance of the nearest row for each query (n, C)."""
    argument = spox.argument(spox.Tensor(np.float32, ("N", len(query), bank.shape[1])))
    index, squared = nearest.closest(argument, nearest.BankRows(bank, scale), len(query))
    graph = spox.build({"query": argument}, {"index": index, "squared": squared})
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    indices, distances = session.run(None, {"query": query[None]})
    return indices[0], distances[0]


def brute_force(bank: np.ndarray, query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same with differences in float64, the lowest index of equals."""
    apart = query.astype(np.float64)[:, None] - bank.astype(np.float64)
    squared = np.einsum("nmc,nmc->nm", apart, apart)
    return squared.argmin(axis=1), squared.min(axis=1)


def rows(count: int, seed: int, spread: float = 6.0) -> np.ndarray:
    """Rows with channels of different range, as features of a backbone have."""
    random = np.random.default_rng(seed)
    ranges = np.geomspace(0.3, 3.0, CHANNELS)
    return (random.normal(size=(count, CHANNELS)) * ranges * spread).astype(np.float32)


def uses_codes(bank: np.ndarray) -> bool:
    argument = spox.argument(spox.Tensor(np.float32, ("N", 1, bank.shape[1])))
    index, _ = nearest.closest(argument, nearest.BankRows(bank, 1.0), 1)
    graph = spox.build({"query": argument}, {"index": index})
    return any(node.op_type == "QuantizeLinear" for node in graph.graph.node)


@pytest.mark.parametrize("count", [512, 700, 1501])
@pytest.mark.parametrize("reach", [0.01, 1.0, 30.0])
def test_the_nearest_row_of_a_large_bank_is_that_of_brute_force(count, reach):
    bank = rows(count, seed=count)
    random = np.random.default_rng(1)
    noise = random.normal(size=(300, CHANNELS)).astype(np.float32)
    query = bank[random.integers(0, count, 300)] + np.float32(reach) * noise
    index, squared = search(bank, query)
    expected, distances = brute_force(bank, query)
    assert uses_codes(bank)
    assert np.array_equal(index, expected)
    assert np.allclose(squared, distances, rtol=1e-5)


@pytest.mark.parametrize("limit", [1_000_000, 200_000])
def test_a_bank_that_is_searched_in_parts_gives_the_same(limit, monkeypatch):
    monkeypatch.setattr(nearest, "TABLE_CELLS", limit)
    bank, query = rows(1501, seed=0), rows(300, seed=1)
    index, squared = search(bank, query)
    expected, distances = brute_force(bank, query)
    assert np.array_equal(index, expected)
    assert np.allclose(squared, distances, rtol=1e-5)


def test_copies_of_a_row_are_found_by_their_lowest_index():
    bank = rows(600, seed=0)
    bank[[17, 401]] = bank[88]
    index, squared = search(bank, bank[[401, 88, 5]])
    assert uses_codes(bank)
    assert index.tolist() == [17, 17, 5]
    assert squared.tolist() == [0, 0, 0]


@pytest.mark.parametrize("apart", [0.0, 1e-4, 0.05])
def test_a_bank_of_nearly_equal_rows_is_compared_without_codes(apart):
    """Twenty rows around each of forty: the codes of all twenty are nearly equal."""
    random = np.random.default_rng(0)
    bank = np.repeat(rows(40, seed=1), 20, axis=0)
    bank += (apart * random.normal(size=bank.shape)).astype(np.float32)
    query = bank[::7] + np.float32(0.3) * rows(len(bank[::7]), seed=2, spread=1.0)
    assert not uses_codes(bank)
    distances = search(bank, query)[1]
    assert np.allclose(distances, brute_force(bank, query)[1], atol=1e-3)


def test_near_ties_of_rows_far_from_each_other_are_decided_exactly():
    """Four rows lie on a sphere around each query, with radii that differ by a millionth."""
    random = np.random.default_rng(0)
    query = rows(150, seed=1)
    directions = random.normal(size=(150, 4, CHANNELS))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    radii = 5 * (1 + 1e-6 * random.permuted(np.tile(np.arange(4.0), (150, 1)), axis=1))
    bank = (query[:, None] + radii[..., None] * directions).reshape(-1, CHANNELS)
    bank = bank.astype(np.float32)
    squared = search(bank, query)[1]
    assert uses_codes(bank)
    assert np.allclose(squared, brute_force(bank, query)[1], rtol=3e-6)


def test_queries_far_outside_the_bank_and_of_zeros_are_exact():
    bank = rows(800, seed=0)
    query = np.concatenate([1000 * rows(20, seed=1), np.zeros((1, CHANNELS), np.float32)])
    index, squared = search(bank, query)
    expected, distances = brute_force(bank, query)
    assert uses_codes(bank)
    assert np.array_equal(index, expected)
    assert np.allclose(squared, distances, rtol=1e-5)


def test_a_bank_of_zeros_and_one_with_a_single_large_row_are_searched():
    zeros = np.zeros((600, CHANNELS), np.float32)
    assert search(zeros, rows(3, seed=0))[0].tolist() == [0, 0, 0]
    bank = rows(600, seed=0)
    bank[3] *= 1e4
    index, _ = search(bank, bank[[3, 7]])
    assert index.tolist() == [3, 7]


def test_a_half_precision_bank_is_compared_in_float32():
    bank, query = rows(700, seed=0), rows(200, seed=1)
    scale = float(np.linalg.norm(bank, axis=1).max())
    stored = (bank / np.float32(scale)).astype(np.float16)
    index, squared = search(stored, query, scale)
    expected, distances = brute_force(stored.astype(np.float32) * np.float32(scale), query)
    assert np.array_equal(index, expected)
    assert np.allclose(squared, distances, rtol=1e-5)


def test_products_of_codes_fit_the_16_bits_of_a_cpu_without_vnni():
    largest_query = 128 + coarse.QUERY_LEVELS  # onnxruntime adds 128 to make codes positive
    assert 2 * largest_query * coarse.BANK_LEVELS < 2**15


def test_small_banks_are_compared_without_codes():
    assert not uses_codes(rows(coarse.LEAST_ROWS - 1, seed=0))
