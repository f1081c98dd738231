"""The search in the graph and in numpy against three nested loops in float64."""

import numpy as np
import onnxruntime as ort
import pytest
import spox

from learning.graph import features, nearest
from learning.graph.maps import MapCanvas
from learning.methods.rad.method import Rad
from learning.methods.rad.reference import grid_scores
from learning.methods.rad.search import best_anywhere, best_in_window, mask_of_chosen


def unit_vectors(*shape: int, axis: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return features.normalise_numpy(values, axis)


def triple_loop(query, bank, radius, chosen=None) -> np.ndarray:
    """query (B, C, h, w), bank (h*w, C, N) -> scores (B, h, w), with plain loops."""
    batch, _, height, width = query.shape
    scores = np.empty((batch, height, width))
    for b in range(batch):
        for y in range(height):
            for x in range(width):
                best = -9.0
                for i in range(max(0, y - radius), min(height, y + radius + 1)):
                    for j in range(max(0, x - radius), min(width, x + radius + 1)):
                        for n in range(bank.shape[2]):
                            if chosen is None or chosen[b][n]:
                                vector = bank[i * width + j, :, n].astype(np.float64)
                                best = max(best, float(query[b, :, y, x] @ vector))
                scores[b, y, x] = 1 - best
    return scores


def run(outputs: dict, inputs: dict, values: dict) -> np.ndarray:
    model = spox.build(inputs, outputs)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, values)[0]


def positional(
    query: np.ndarray, bank: np.ndarray, radius: int, whole=None, top_k=0, *, codes=False
) -> np.ndarray:
    variable = spox.argument(spox.Tensor(np.float32, ("N", *query.shape[1:])))
    inputs, values, mask = {"query": variable}, {"query": query}, None
    if whole is not None:
        descriptor, descriptors = whole
        inputs["own"] = spox.argument(spox.Tensor(np.float32, ("N", descriptor.shape[1])))
        values["own"] = descriptor
        mask = nearest.choose_pictures(inputs["own"], descriptors, top_k)
    scores = nearest.positional(variable, bank, query.shape[2:], radius, mask, codes=codes)
    return run({"scores": scores}, inputs, values)


@pytest.mark.parametrize("radius", [0, 1, 2])
@pytest.mark.parametrize("batch", [1, 2, 7])
def test_the_positional_search_equals_three_nested_loops(radius, batch):
    query = unit_vectors(batch, 6, 4, 5, axis=1)
    bank = unit_vectors(20, 6, 3, axis=1, seed=1)
    expected = triple_loop(query, bank, radius)
    assert np.abs(positional(query, bank, radius) - expected).max() < 1e-5
    assert np.abs(1 - best_in_window(query, bank, radius, None) - expected).max() < 1e-5


@pytest.mark.parametrize("radius", [0, 1, 2])
@pytest.mark.parametrize("batch", [1, 3])
def test_codes_of_8_bits_give_nearly_the_same_scores(radius, batch):
    # Vectors with a mean, as that of features: codes are of the differences from it.
    query = np.abs(unit_vectors(batch, 40, 4, 5, axis=1))
    bank = np.abs(unit_vectors(20, 40, 7, axis=1, seed=1))
    scores = positional(query, bank, radius, codes=True)
    assert np.abs(scores - triple_loop(query, bank, radius)).max() < 0.01


def test_codes_give_nearly_the_same_scores_for_chosen_pictures():
    query, bank = unit_vectors(2, 40, 4, 5, axis=1), unit_vectors(20, 40, 5, axis=1, seed=1)
    whole = unit_vectors(2, 8, axis=1, seed=2), unit_vectors(5, 8, axis=1, seed=3)
    scores = positional(query, bank, 1, whole, 2, codes=True)
    assert np.abs(scores - positional(query, bank, 1, whole, 2)).max() < 0.01


def test_codes_find_a_vector_of_the_bank_and_tell_an_empty_query_from_it():
    bank = unit_vectors(20, 40, 3, axis=1)
    query = bank[:, :, 1].T.reshape(1, 40, 4, 5).copy()
    query[0, :, 2, 3] = 0
    scores = positional(query, bank, 0, codes=True)
    empty = np.zeros((4, 5), bool)
    empty[2, 3] = True
    assert scores[0][~empty].max() < 0.01
    assert scores[0][empty] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("top_k", [1, 2, 5, 9])
@pytest.mark.parametrize("radius", [0, 1, 2])
def test_only_the_most_similar_pictures_are_compared_and_k_above_n_means_all(radius, top_k):
    query = unit_vectors(2, 6, 4, 5, axis=1)
    bank = unit_vectors(20, 6, 5, axis=1, seed=1)
    descriptor, descriptors = unit_vectors(2, 8, axis=1, seed=2), unit_vectors(5, 8, axis=1, seed=3)
    ranked = np.argsort(-(descriptor @ descriptors.T), axis=1)[:, :top_k]
    chosen = [[n in row for n in range(5)] for row in ranked]
    expected = triple_loop(query, bank, radius, chosen)
    scores = positional(query, bank, radius, (descriptor, descriptors), top_k)
    assert np.abs(scores - expected).max() < 1e-5
    batched = best_in_window(query, bank, radius, mask_of_chosen(descriptor, descriptors, top_k))
    assert np.abs(1 - batched - expected).max() < 1e-5


def test_border_cells_are_compared_with_nothing_beyond_the_border():
    query, bank = unit_vectors(1, 4, 3, 3, axis=1), unit_vectors(9, 4, 2, axis=1, seed=1)
    bank[4:] = 0
    bank[4:, 0] = 1
    query[0, :, 0, 0] = -bank[0, :, 0]
    expected = triple_loop(query, bank, 1)
    assert np.abs(positional(query, bank, 1) - expected).max() < 1e-5


def test_a_window_wider_than_the_grid_is_the_whole_grid():
    query, bank = unit_vectors(2, 4, 2, 3, axis=1), unit_vectors(6, 4, 3, axis=1, seed=1)
    expected = triple_loop(query, bank, 5)
    assert np.abs(positional(query, bank, 5) - expected).max() < 1e-5
    assert np.abs(1 - best_in_window(query, bank, 5, None) - expected).max() < 1e-5


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_the_search_over_the_whole_picture_equals_brute_force(batch):
    query, bank = unit_vectors(batch, 6, 4, 5, axis=1), unit_vectors(6, 30, axis=0, seed=1)
    variable = spox.argument(spox.Tensor(np.float32, ("N", 6, 4, 5)))
    scores = run({"s": nearest.anywhere(variable, bank, (4, 5))}, {"q": variable}, {"q": query})
    best = np.einsum("bchw,cm->bhwm", query.astype(float), bank.astype(float)).max(axis=-1)
    assert np.abs(scores - (1 - best)).max() < 1e-5
    assert np.abs(best_anywhere(query, bank) - best).max() < 1e-5


def test_duplicate_and_nearly_tied_vectors_change_nothing():
    query = unit_vectors(1, 6, 4, 5, axis=1)
    bank = np.repeat(unit_vectors(20, 6, 2, axis=1, seed=1), 2, axis=2)
    bank[:, :, 1] *= np.float32(1 - 1e-7)
    assert np.abs(positional(query, bank, 1) - triple_loop(query, bank, 1)).max() < 1e-5


def test_a_position_that_equals_its_bank_scores_zero_and_never_below():
    query = unit_vectors(1, 40, 4, 5, axis=1)
    bank = np.ascontiguousarray(query.transpose(2, 3, 1, 0).reshape(20, 40, 1))
    scores = positional(query, bank, 0)
    assert scores.min() >= 0
    assert scores.max() < 1e-6


def test_the_literal_reference_normalises_and_averages_like_the_batched_features():
    raw = np.random.default_rng(0).normal(size=(1, 6, 4, 5)).astype(np.float32)
    query = features.normalise_numpy(features.average_3x3_numpy(raw))
    bank = unit_vectors(20, 6, 3, axis=1, seed=1)
    literal = grid_scores(raw.astype(float), bank, 1, None)
    assert np.abs(literal - triple_loop(query, bank, 1)).max() < 1e-5


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (5, 3)])
def test_the_average_in_the_graph_counts_only_neighbours_inside_the_grid(size):
    raw = np.random.default_rng(0).normal(size=(2, 3, *size)).astype(np.float32)
    variable = spox.argument(spox.Tensor(np.float32, ("N", 3, *size)))
    averaged = run({"a": features.average_3x3(variable)}, {"x": variable}, {"x": raw})
    for y in range(size[0]):
        for x in range(size[1]):
            around = raw[:, :, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
            assert np.allclose(averaged[:, :, y, x], around.mean(axis=(2, 3)), atol=1e-6)
    assert np.allclose(averaged, features.average_3x3_numpy(raw), atol=1e-6)


def test_a_vector_of_zeros_stays_a_vector_of_zeros():
    assert np.all(features.normalise_numpy(np.zeros((1, 4, 2, 2), np.float32)) == 0)


@pytest.mark.parametrize("radius", [1, None])
def test_the_batched_form_scores_a_whole_picture_like_the_literal_one(radius):
    random = np.random.default_rng(0)
    raw = {
        "a": random.random((4, 5, 8, 6), np.float32),
        "b": random.random((4, 7, 4, 3), np.float32),
    }
    method, canvas = Rad(radius=radius), MapCanvas((64, 48))
    model = method.fit(method.embed({k: v[:3] for k, v in raw.items()}), 0)
    query = {k: v[3:] for k, v in raw.items()}
    maps, scores = method.measure(model, method.embed(query), canvas)
    literal_maps, literal_scores = method.reference(model, query, canvas)
    assert np.abs(maps - literal_maps).max() < 1e-5
    assert np.abs(scores - literal_scores).max() < 1e-5
