"""Mahalanobis distances of PaDiM: three forms, in the graph and in numpy, against inverses."""

import numpy as np
import onnxruntime as ort
import pytest
import spox

from learning.graph import gaussian_cells
from learning.graph.gaussian_cells import Gaussians, Joining
from learning.methods.padim import gaussian as padim_gaussian
from learning.methods.padim.method import Padim
from learning.methods.padim.reference import mahalanobis

LAYERS = {"fine": 7, "coarse": 9}
FORMS = [
    ({"form": "cholesky"}, 1e-4),
    ({"form": "low_rank"}, 1e-4),
    ({"form": "cholesky", "precision": "float16"}, 1e-3),
]


def features(count: int, grid_hw: tuple[int, int] = (6, 4), seed: int = 0) -> dict[str, np.ndarray]:
    """Channels that go together, of different scale and mean; the coarse grid is half, rounded
    up."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(99)
    layers = {}
    for index, (name, channels) in enumerate(LAYERS.items()):
        grid = tuple(-(-side // 2**index) for side in grid_hw)
        mix = mixing.normal(size=(channels, channels)) * mixing.uniform(0.2, 2, (channels, 1))
        values = np.einsum("cd,ndhw->nchw", mix, random.normal(size=(count, channels, *grid))) + 3
        layers[name] = values.astype(np.float32)
    return layers


def literal(query: dict, normals: dict, joining: Joining, epsilon: float) -> np.ndarray:
    """(n, h, w), one position after the other."""
    height, width = joining.grid_hw
    distances = np.empty((len(query["fine"]), height, width))
    for y in range(height):
        for x in range(width):
            vectors = []
            for source in (query, normals):
                at = [
                    source[name][:, chosen, y * grid[0] // height, x * grid[1] // width]
                    for name, chosen in joining.channels.items()
                    for grid in [joining.grids[name]]
                ]
                vectors.append(np.concatenate(at, axis=1).astype(np.float64))
            distances[:, y, x] = mahalanobis(*vectors, epsilon)
    return distances


def in_graph(query: dict, cells: Gaussians, joining: Joining) -> np.ndarray:
    inputs = {
        name: spox.argument(spox.Tensor(np.float32, ("N", *values.shape[1:])))
        for name, values in query.items()
    }
    vectors = gaussian_cells.join_layers(inputs, joining)
    grid = gaussian_cells.distances(vectors, cells, joining.grid_hw)
    model = spox.build(inputs, {"grid": grid}, drop_unused_inputs=True)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return session.run(None, {name: query[name] for name in names})[0]


def relative(values: np.ndarray, expected: np.ndarray) -> float:
    return float((np.abs(values - expected) / expected).max())


@pytest.mark.parametrize("pictures", [2, 5, 40])
@pytest.mark.parametrize(("options", "tolerance"), FORMS)
def test_each_form_is_the_mahalanobis_distance_with_fewer_and_more_pictures_than_channels(
    options, tolerance, pictures
):
    normals, query = features(pictures), features(3, seed=1)
    model = Padim(dims=12, **options).fit(normals, 0)
    expected = literal(query, normals, model.joining, model.epsilon)
    assert relative(in_graph(query, model.cells, model.joining), expected) < tolerance
    vectors = gaussian_cells.join_layers_numpy(query, model.joining)
    batched = gaussian_cells.distances_numpy(vectors, model.cells, model.joining.grid_hw)
    assert relative(batched, expected) < tolerance


@pytest.mark.parametrize("batch", [1, 2, 7])
@pytest.mark.parametrize("options", [options for options, _ in FORMS])
def test_a_batch_is_scored_like_its_pictures_one_by_one(options, batch):
    model = Padim(dims=12, **options).fit(features(8), 0)
    query = features(batch, seed=1)
    together = in_graph(query, model.cells, model.joining)
    for index in range(batch):
        alone = {name: values[index : index + 1] for name, values in query.items()}
        single = in_graph(alone, model.cells, model.joining)[0]
        assert np.allclose(together[index], single, rtol=1e-4)


@pytest.mark.parametrize("grid_hw", [(1, 1), (5, 3), (7, 4), (2, 9)])
def test_a_coarse_grid_of_odd_size_grows_by_nearest_positions(grid_hw):
    normals, query = features(6, grid_hw), features(2, grid_hw, seed=1)
    model = Padim(dims=16).fit(normals, 0)
    expected = literal(query, normals, model.joining, model.epsilon)
    assert relative(in_graph(query, model.cells, model.joining), expected) < 1e-4


def test_a_whole_ratio_repeats_every_position_of_the_coarse_grid():
    joining = Joining({}, {"coarse": (3, 2)}, (6, 6))
    rows, columns = joining.sources("coarse")
    assert rows.tolist() == [0, 0, 1, 1, 2, 2]
    assert columns.tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("options", [options for options, _ in FORMS])
def test_channels_that_never_vary_leave_only_epsilon(options):
    normals = {name: np.repeat(values[:1], 6, axis=0) for name, values in features(1).items()}
    model = Padim(dims=16, epsilon=0.25, epsilon_unit="absolute", **options).fit(normals, 0)
    query = {name: values + np.float32(0.5) for name, values in normals.items()}
    # 16 channels off by 0.5 each, in units of sqrt(0.25).
    assert np.allclose(in_graph(query, model.cells, model.joining), 4, rtol=1e-4)
    assert in_graph(normals, model.cells, model.joining).max() < 1e-3


@pytest.mark.parametrize("pictures", [3, 12, 30])
def test_the_stored_matrices_have_the_rank_that_was_promised_and_give_back_the_inverse(pictures):
    normals = features(pictures)
    model = Padim(dims=10, form="low_rank").fit(normals, 0)
    rank = min(pictures - 1, 10)
    assert model.cells.matrices.shape == (24, rank, 10)
    learned = gaussian_cells.join_layers_numpy(normals, model.joining)[5].astype(np.float64)
    inverse = np.linalg.inv(np.cov(learned) + model.epsilon * np.eye(10))
    stored = model.cells.matrices[5].astype(np.float64)
    assert np.allclose(np.eye(10) / model.epsilon - stored.T @ stored, inverse, atol=1e-5)


@pytest.mark.parametrize("size", [1, 5, 16, 17, 40, 71])
def test_factors_by_halves_invert_the_matrix(size):
    random = np.random.default_rng(size).normal(size=(3, size + 5, size))
    matrices = random.transpose(0, 2, 1) @ random + np.eye(size)
    factors = padim_gaussian._inverse_factor(matrices)
    assert np.allclose(factors, np.tril(factors))
    assert np.allclose(factors.transpose(0, 2, 1) @ factors @ matrices, np.eye(size), atol=1e-9)


def test_chunks_of_positions_change_nothing(monkeypatch):
    whole = Padim(dims=12).fit(features(6), 0)
    monkeypatch.setattr(padim_gaussian, "CHUNK_BYTES", 1)
    parts = Padim(dims=12).fit(features(6), 0)
    assert np.allclose(parts.cells.matrices, whole.cells.matrices, rtol=1e-5, atol=1e-7)
    assert np.array_equal(parts.cells.means, whole.cells.means)
