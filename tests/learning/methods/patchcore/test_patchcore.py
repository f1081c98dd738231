"""PatchCore: the graph and the batched search against the literal formulas."""

import numpy as np
import onnxruntime
import pytest
import spox

from inspector.core.errors import DataError
from learning.graph import nearest
from learning.graph.maps import MapCanvas, scored_cells
from learning.methods import base
from learning.methods import closest as search
from learning.methods.patchcore import bank as patchcore_bank
from learning.methods.patchcore import method as patchcore
from learning.methods.patchcore import search as patchcore_search
from learning.methods.patchcore.method import PatchCore

CHANNELS = {"a": (6, 6, 8), "b": (10, 3, 4)}
CANVAS = MapCanvas((24, 32), sigma=2.0, top_fraction=0.0)
OPTIONS = [
    {},
    {"neighbours": 1},
    {"neighbours": 4, "upsampling": "nearest"},
    {"coreset": 0, "most_rows": 0},
    {"variant": "official", "dims": 24},
    {"variant": "official", "dims": 7, "upsampling": "nearest"},
    {"score_patches": 5},
    {"score_patches": 3, "variant": "official", "dims": 24},
    {"score_patches": 999},
    {"reduction": "pca", "dims": 6},
    {"reduction": "random", "dims": 6, "score_patches": 1, "coreset": 0},
]


def features(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        name: random.gamma(1.0, 4.0, (count, *shape)).astype(np.float32)
        for name, shape in CHANNELS.items()
    }


def run_head(method, model, query, canvas=CANVAS) -> tuple[np.ndarray, np.ndarray]:
    arguments = {
        name: spox.argument(spox.Tensor(np.float32, ("N", shape[0], None, None)))
        for name, shape in CHANNELS.items()
    }
    drawn, score = method.head(model, arguments, canvas)
    graph = spox.build(arguments, {"map": drawn, "score": score})
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    outputs = session.run(None, query)
    return outputs[0], outputs[1]


def close(values: np.ndarray, expected: np.ndarray, tolerance: float = 1e-5) -> None:
    assert values.shape == expected.shape
    assert np.abs(values - expected).max() <= tolerance * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("count", [1, 2, 7])
def test_graph_and_search_equal_the_literal_formulas(options, count):
    method = PatchCore(**options)
    model = method.fit(method.embed(features(5)), 0)
    asked = features(count, seed=1)
    maps, scores = method.reference(model, asked, CANVAS)
    assert maps.shape == (count, 24, 32)
    for found_maps, found_scores in (
        run_head(method, model, asked),
        method.measure(model, method.embed(asked), CANVAS),
    ):
        close(found_maps, maps)
        close(found_scores, scores)


@pytest.mark.parametrize("options", [{}, {"variant": "official", "dims": 24}, {"score_patches": 4}])
def test_a_region_keeps_other_cells_from_map_and_score(options):
    inside = np.zeros((24, 32), bool)
    inside[4:20, 5:17] = True
    canvas = MapCanvas((24, 32), 2.0, 0.0, inside)
    method = PatchCore(**options)
    model = method.fit(method.embed(features(5)), 0)
    asked = features(2, seed=1)
    _, before = run_head(method, model, asked, canvas)
    asked["a"][:, :, :, 6:] += 500
    maps, scores = method.reference(model, asked, canvas)
    found_maps, found_scores = run_head(method, model, asked, canvas)
    close(found_maps, maps)
    close(found_scores, scores)
    close(found_scores, before)
    assert not found_maps[:, ~inside].any()
    _, measured = method.measure(model, method.embed(asked), canvas)
    close(measured, scores)
    _, everywhere = run_head(method, model, asked)
    assert (everywhere > 2 * found_scores).all()


def test_a_region_smaller_than_a_cell_still_has_a_score():
    inside = np.zeros((24, 32), bool)
    inside[9, 9] = True
    assert scored_cells((6, 8), MapCanvas((24, 32), 2.0, 0.0, inside)).sum() == 1


def test_pictures_of_the_bank_score_zero():
    method = PatchCore(coreset=1, most_rows=0)
    normals = features(5)
    model = method.fit(method.embed(normals), 0)
    maps, scores = run_head(method, model, normals)
    assert maps.max() < 1e-3
    assert scores.max() < 1e-3


def test_pca_keeps_the_directions_in_which_patches_vary():
    random = np.random.default_rng(0)
    pool = random.normal(3, 1, (400, 2)) @ random.normal(0, 1, (2, 8))
    pool = (pool + random.normal(0, 1e-3, pool.shape)).astype(np.float32)
    basis = patchcore_bank.make_basis(pool, "pca", 2, 0)
    assert np.allclose(basis.T @ basis, np.eye(2), atol=1e-5)
    centred = pool - pool.mean(axis=0)
    assert np.abs(centred - centred @ basis @ basis.T).max() < 0.01
    random_basis = patchcore_bank.make_basis(pool, "random", 2, 0)
    assert random_basis.shape == (8, 2)
    assert not np.allclose(random_basis, patchcore_bank.make_basis(pool, "random", 2, 1))


def test_a_reduced_bank_is_smaller_and_says_so():
    method = PatchCore(reduction="pca", dims=6, most_rows=50)
    model = method.fit(method.embed(features(5)), 0)
    assert model.bank.shape == (24, 6)
    facts = method.describe(model)
    assert (facts["dims"], facts["reduction"]) == (6, "pca")
    assert facts["model_bytes"] == 24 * 6 * 4 + 16 * 4 + 16 * 6 * 4 + 24 * 9 * 4
    too_long = PatchCore(reduction="random", dims=16)
    with pytest.raises(DataError, match="16 values cannot be reduced to 16"):
        too_long.fit(too_long.embed(features(5)), 0)


def test_the_reweighting_table_equals_a_search_for_each_row():
    bank = np.random.default_rng(0).normal(2, 1, (70, 5)).astype(np.float32)
    table = patchcore_search.neighbours_of(bank, np.arange(70), 9)
    for row in range(70):
        apart = np.linalg.norm(bank.astype(np.float64) - bank[row], axis=1)
        assert table[row].tolist() == np.argsort(apart, kind="stable")[:9].tolist()


def test_a_row_comes_first_among_its_own_copies():
    bank = np.zeros((6, 3), np.float32)
    bank[5] = 1
    table = patchcore_search.neighbours_of(bank, np.arange(6), 3)
    assert table[:, 0].tolist() == [0, 1, 2, 3, 4, 5]


def test_more_neighbours_than_rows_are_cut_down():
    method = PatchCore(neighbours=9, most_rows=3)
    model = method.fit(method.embed(features(5)), 0)
    assert method.describe(model)["neighbours"] == 3
    query = features(2, seed=1)
    close(run_head(method, model, query)[1], method.reference(model, query, CANVAS)[1])


def test_a_bank_of_one_row_gives_the_plain_largest_distance():
    method = PatchCore(most_rows=1)
    model = method.fit(method.embed(features(5)), 0)
    query = features(2, seed=1)
    plain = PatchCore(most_rows=1, neighbours=1).reference(model, query, CANVAS)[1]
    close(run_head(method, model, query)[1], plain)
    assert plain.min() > 0


def test_a_search_in_parts_finds_the_same(monkeypatch):
    method = PatchCore(coreset=0, most_rows=0)
    model = method.fit(method.embed(features(5)), 0)
    query = features(2, seed=1)
    whole = run_head(method, model, query)
    monkeypatch.setattr(nearest, "TABLE_CELLS", 1000)
    monkeypatch.setattr(search, "TABLE_CELLS", 1000)
    monkeypatch.setattr(patchcore_search, "TABLE_CELLS", 1000)
    for result in (
        run_head(method, model, query),
        method.measure(model, method.embed(query), CANVAS),
    ):
        close(result[0], whole[0])
        close(result[1], whole[1])


def test_equal_rows_are_found_by_their_lowest_index(monkeypatch):
    bank = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
    query = np.array([[0, 1, 0], [0, 0, 1], [1, 1, 1]], np.float32)
    assert search.closest(query, bank)[0].tolist() == [4, 8, 0]
    for limit in (10_000, 9):
        monkeypatch.setattr(nearest, "TABLE_CELLS", limit)
        argument = spox.argument(spox.Tensor(np.float32, ("N", 3, 3)))
        index, distance = nearest.closest(argument, nearest.BankRows(bank, 1.0), 3)
        graph = spox.build({"query": argument}, {"index": index, "distance": distance})
        session = onnxruntime.InferenceSession(graph.SerializeToString())
        indices, squared = session.run(None, {"query": query[None]})
        assert indices[0].tolist() == [4, 8, 0]
        assert squared[0].tolist() == [0, 0, 2]


@pytest.mark.parametrize("options", [{}, {"variant": "official", "dims": 24}])
def test_float16_halves_the_bank_and_moves_scores_little(options):
    query = features(3, seed=1)
    whole, half = PatchCore(**options), PatchCore(**options, precision="float16")
    large = whole.fit(whole.embed(features(5)), 0)
    small = half.fit(half.embed(features(5)), 0)
    assert small.bank.nbytes * 2 == large.bank.nbytes
    expected = half.reference(small, query, CANVAS)
    close(run_head(half, small, query)[0], expected[0])
    close(expected[1], whole.reference(large, query, CANVAS)[1], 1e-3)


def test_the_bank_is_drawn_from_all_pictures_and_thinned(monkeypatch):
    monkeypatch.setattr(patchcore, "CANDIDATES", 100)
    method = PatchCore()
    normals = features(5)
    model = method.fit(method.embed(normals), 0)
    assert model.bank.shape == (24, 16)
    assert (model.candidates, model.pictures) == (100, 5)
    assert model.covering > 0
    every = PatchCore(coreset=0, most_rows=0).fit(method.embed(normals), 0)
    assert every.bank.shape == (240, 16)
    known = every.rows() + every.centre
    rows = model.rows() + model.centre
    apart = np.linalg.norm(rows[:, None] - known, axis=2)
    assert apart.min(axis=1).max() < 1e-4
    assert len(set((apart.argmin(axis=1) // 48).tolist())) == 5


def test_most_rows_limits_the_share():
    method = PatchCore(coreset=0.5, most_rows=30)
    assert len(method.fit(method.embed(features(5)), 0).bank) == 30
    assert len(PatchCore(coreset=0.5).fit(method.embed(features(5)), 0).bank) == 120


def test_long_patches_are_thinned_by_their_projection():
    random = np.random.default_rng(0)
    pool = random.normal(0, 1, (300, 2 * patchcore_bank.PROJECTION)).astype(np.float32)
    long = patchcore_bank.build(pool, pool, 20, 0, precision="float32", grids={}, pictures=1)
    short = patchcore_bank.build(
        pool[:, 1:], pool[:, 1:], 20, 0, precision="float32", grids={}, pictures=1
    )
    assert long.projected
    assert not short.projected
    rows = long.rows() + long.centre
    assert np.linalg.norm(rows[:, None] - pool, axis=2).min(axis=1).max() < 1e-4


def test_it_describes_its_bank():
    method = PatchCore(most_rows=50, coreset=0)
    model = method.fit(method.embed(features(5)), 0)
    facts = method.describe(model)
    assert facts["bank_rows"] == 50
    assert facts["neighbours"] == 9
    assert facts["dims"] == 16
    assert facts["model_bytes"] == 50 * 16 * 4 + 16 * 4 + 50 * 9 * 4
    assert facts["covering_radius"] == pytest.approx(model.covering)


def test_a_bank_above_the_limit_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(base, "MAX_MODEL_BYTES", 1500)
    method = PatchCore()
    with pytest.raises(DataError, match="smaller coreset or most_rows"):
        method.fit(method.embed(features(5)), 0)
    half = PatchCore(precision="float16")
    assert half.fit(half.embed(features(5)), 0).bank.nbytes == 24 * 16 * 2
