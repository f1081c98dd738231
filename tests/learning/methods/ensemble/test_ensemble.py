"""The ensemble: equal to the literal form, weights by left-out pictures, and what is refused."""

import numpy as np
import pytest

from inspector.core.errors import ConfigError, DataError
from learning.graph.maps import MapCanvas
from learning.methods.ensemble.method import LEAST_SPREADS, Ensemble
from tests.learning.methods.whitened.test_whitened import features

CANVAS = MapCanvas((64, 48), top_fraction=0.003)


@pytest.mark.parametrize("radius", [0, 1, None])
def test_the_batched_form_scores_a_picture_like_the_literal_one(radius):
    method = Ensemble(radius=radius)
    model = method.fit(method.embed(features(6)), 0)
    maps, scores = method.measure(model, method.embed(features(3, 1)), CANVAS)
    literal_maps, literal_scores = method.reference(model, features(3, 1), CANVAS)
    assert np.allclose(maps, literal_maps, rtol=1e-4, atol=1e-4)
    assert np.allclose(scores, literal_scores, rtol=1e-4)


def test_both_methods_add_to_the_map_by_their_weights():
    method = Ensemble()
    model = method.fit(method.embed(features(6)), 0)
    embeddings = method.embed(features(3, 1))
    maps, _ = method.measure(model, embeddings, CANVAS)
    first, _ = method.rad.measure(model.rad, embeddings, CANVAS)
    second, _ = method.whitened.measure(model.whitened, embeddings, CANVAS)
    assert np.allclose(maps, model.weights[0] * first + model.weights[1] * second, rtol=1e-5)


def test_maps_of_left_out_normals_have_half_a_unit_of_spread_from_each_method():
    method = Ensemble()
    model = method.fit(method.embed(features(12)), 0)
    canvas = MapCanvas((8, 6), sigma=0.0)
    fresh = method.embed(features(12, 1))
    for part, fitted, weight in zip(
        (method.rad, method.whitened), (model.rad, model.whitened), model.weights, strict=True
    ):
        maps, _ = part.measure(fitted, fresh, canvas)
        assert weight * maps.std() == pytest.approx(0.5, rel=0.3)


def test_copies_of_one_picture_get_the_largest_weights():
    method = Ensemble()
    copies = {name: np.repeat(values, 4, axis=0) for name, values in features(1).items()}
    weights = method.fit(method.embed(copies), 0).weights
    assert weights == tuple(0.5 / least for least in LEAST_SPREADS)


def test_the_size_is_that_of_both_models():
    method = Ensemble(radius=None)
    model = method.fit(method.embed(features(6)), 0)
    facts = method.describe(model)
    assert facts["radius"] == "all"
    assert facts["model_bytes"] == model.whitened.model_bytes + sum(
        bank.nbytes for bank in model.rad.banks.values()
    )


def test_a_single_picture_is_too_few():
    method = Ensemble()
    with pytest.raises(DataError, match="at least 3 pictures"):
        method.fit(method.embed(features(1)), 0)


@pytest.mark.parametrize("options", [{"vectors": 0}, {"shrinkage": 2.0}, {"radius": -1}])
def test_options_that_a_method_refuses_are_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        Ensemble(**options)
