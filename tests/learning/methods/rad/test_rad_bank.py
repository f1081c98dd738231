"""The bank of RAD: thinning, limits, settings."""

import numpy as np
import pytest

from inspector.core.errors import ConfigError, DataError
from learning.graph.features import normalise_numpy
from learning.methods import base, coreset
from learning.methods.rad import method as rad
from learning.methods.rad.method import Rad
from learning.methods.registry import make_method


def unit_rows(count: int, channels: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).random((count, channels), np.float32)
    return normalise_numpy(values, axis=1)


def plain_greedy(vectors: np.ndarray, keep: int) -> np.ndarray:
    chosen = [0]
    closest = vectors @ vectors[0]
    for _ in range(keep - 1):
        chosen.append(int(np.argmin(closest)))
        closest = np.maximum(closest, vectors @ vectors[chosen[-1]])
    return vectors[chosen]


def test_the_lazy_choice_is_the_plain_greedy_one():
    vectors = unit_rows(2000, 8)
    rows, _ = coreset.thin(vectors, 150, seed=0)
    assert np.array_equal(rows, plain_greedy(vectors, 150))


def test_every_dropped_vector_lies_within_the_covering_radius():
    vectors = unit_rows(1000, 8)
    rows, radius = coreset.thin(vectors, 60, seed=0)
    gaps = 1 - (vectors @ rows.T).max(axis=1)
    assert gaps.max() == pytest.approx(radius, abs=1e-6)
    assert radius < 1 - (vectors @ unit_rows(1, 8, 5).T).max(axis=1).min()


def test_each_cell_is_thinned_separately():
    bank = normalise_numpy(np.random.default_rng(0).random((70, 6, 30), np.float32), axis=1)
    cells, radius = coreset.thin_cells(bank, 5)
    assert cells.shape == (70, 6, 5)
    worst = 0.0
    for cell in (0, 63, 64, 69):
        assert np.array_equal(cells[cell].T, plain_greedy(bank[cell].T, 5))
    for cell in range(70):
        worst = max(worst, float(1 - (bank[cell].T @ cells[cell]).max(axis=1).min()))
    assert radius == pytest.approx(worst, abs=1e-6)


def test_duplicates_fill_the_bank_without_harm():
    rows, radius = coreset.thin(np.repeat(unit_rows(3, 8), 10, axis=0), 6, seed=0)
    assert rows.shape == (6, 8)
    assert radius == pytest.approx(0, abs=1e-6)


def embeddings(count: int) -> dict[str, np.ndarray]:
    values = np.random.default_rng(0).random((count, 6, 4, 5), np.float32)
    return {"a": normalise_numpy(values)}


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_the_bank_is_stored_by_cell_channel_and_picture(precision):
    normals = embeddings(7)
    model = Rad(precision=precision).fit(normals, 0)
    assert model.banks["a"].shape == (20, 6, 7)
    assert model.banks["a"].dtype == precision
    assert np.allclose(model.banks["a"][1 * 5 + 3, :, 2], normals["a"][2, :, 1, 3], atol=1e-3)


def test_a_whole_picture_bank_is_one_matrix_thinned_by_default(monkeypatch):
    monkeypatch.setattr(rad, "WHOLE_CORESET", 50)
    method = Rad(radius=None)
    model = method.fit(embeddings(7), 0)
    assert model.banks["a"].shape == (6, 50)
    assert 0 < model.covering["a"] < 1
    assert Rad(radius=None, coreset=0).fit(embeddings(7), 0).banks["a"].shape == (6, 140)


def test_more_pictures_than_the_coreset_are_thinned_per_cell(monkeypatch):
    monkeypatch.setattr(rad, "CELL_CORESET", 4)
    model = Rad().fit(embeddings(7), 0)
    assert model.banks["a"].shape == (20, 6, 4)
    assert Rad(coreset=0).fit(embeddings(7), 0).banks["a"].shape == (20, 6, 7)


def test_a_bank_above_the_limit_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(base, "MAX_MODEL_BYTES", 3000)
    with pytest.raises(DataError, match="smaller coreset, fewer pictures or layers"):
        Rad().fit(embeddings(7), 0)
    assert Rad(precision="float16").fit(embeddings(7), 0).banks["a"].nbytes == 1680


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "int8"}, "precision must be one of float32, float16"),
        ({"radius": -1}, "radius must be at least 0"),
        ({"coreset": -1}, "coreset must be at least 0"),
        ({"top_k": 0}, "top_k must be at least 1"),
        ({"top_k": 3, "radius": None}, "top_k chooses pictures"),
        ({"top_k": 3, "coreset": 5}, "top_k chooses pictures"),
        ({"sigma": 3}, "method rad has no option sigma"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make_method("rad", options)


def test_an_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'magic' is unknown; known: rad"):
        make_method("magic", {})
