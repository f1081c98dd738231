"""Whitened nearest neighbours: equal to the literal form, whitening, and what is refused."""

import numpy as np
import pytest

from inspector.core.errors import ConfigError
from learning.graph.maps import MapCanvas
from learning.methods.whitened.method import Whitened
from learning.methods.whitened.whitening import Whitening, join_numpy


def features(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        "a": random.normal(2, 1, (count, 6, 8, 6)).astype(np.float32),
        "b": random.normal(2, 3, (count, 10, 4, 3)).astype(np.float32),
    }


@pytest.mark.parametrize("vectors", [7, 100_000])
@pytest.mark.parametrize("region", [False, True])
def test_the_batched_form_scores_a_picture_like_the_literal_one(vectors, region):
    inside = np.zeros((64, 48), bool)
    inside[10:50, 5:30] = True
    canvas = MapCanvas((64, 48), top_fraction=0.003, inside=inside if region else None)
    method = Whitened(vectors=vectors)
    model = method.fit(method.embed(features(5)), 0)
    maps, scores = method.measure(model, method.embed(features(3, 1)), canvas)
    literal_maps, literal_scores = method.reference(model, features(3, 1), canvas)
    assert np.allclose(maps, literal_maps, rtol=1e-4, atol=1e-5)
    assert np.allclose(scores, literal_scores, rtol=1e-4)
    assert scores.min() > 0.1
    if region:
        assert not maps[:, ~inside].any()


def test_whitened_vectors_have_the_identity_as_covariance_without_shrinkage():
    embeddings = features(40)
    whitening = Whitening.of(embeddings, 0.0)
    joined = join_numpy(embeddings).transpose(0, 2, 3, 1).reshape(-1, 16)
    covariance = np.cov(whitening.numpy(joined).T, bias=True)
    assert np.allclose(covariance, np.eye(16), atol=1e-3)


def test_shrinkage_of_one_only_scales_all_directions_alike():
    matrix = Whitening.of(features(4), 1.0).matrix
    assert np.allclose(matrix, matrix[0, 0] * np.eye(16), atol=1e-6)


def test_a_change_in_a_direction_in_which_normals_hardly_vary_counts_more():
    random = np.random.default_rng(0)
    normals = random.normal(0, 0.05, (6, 4, 8, 8)).astype(np.float32)
    normals[:, 3] = 1
    normals[:, 0] *= 8
    method = Whitened()
    model = method.fit(method.embed({"a": normals}), 0)
    loud, quiet = normals[:1].copy(), normals[:1].copy()
    loud[:, 0, 2:6, 2:6] += 0.3
    quiet[:, 1, 2:6, 2:6] += 0.3
    pair = method.embed({"a": np.concatenate([loud, quiet])})
    _, (low, high) = method.measure(model, pair, MapCanvas((64, 64)))
    assert high > 2 * low


def test_pictures_of_one_colour_can_be_fitted():
    method = Whitened()
    flat = {"a": np.zeros((3, 6, 8, 6), np.float32)}
    model = method.fit(method.embed(flat), 0)
    _, scores = method.measure(model, method.embed(flat), MapCanvas((64, 48)))
    assert not scores.any()


def test_no_more_vectors_are_kept_than_stated_and_the_seed_draws_them():
    method = Whitened(vectors=9)
    embeddings = method.embed(features(5))
    model = method.fit(embeddings, 1)
    facts = method.describe(model)
    assert facts["vectors"] == len(model.bank) == 9
    assert facts["model_bytes"] == 4 * (9 * 16 + 16 * 16 + 16)
    assert np.array_equal(model.bank, method.fit(embeddings, 1).bank)
    assert not np.array_equal(model.bank, method.fit(embeddings, 2).bank)


@pytest.mark.parametrize("options", [{"vectors": 0}, {"shrinkage": 0.0}, {"shrinkage": 1.5}])
def test_options_outside_their_range_are_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        Whitened(**options)
