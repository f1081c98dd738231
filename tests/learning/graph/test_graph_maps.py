"""Upsampling, smoothing and the image score, against OpenCV and SciPy."""

import cv2
import numpy as np
import onnxruntime as ort
import pytest
import spox
from scipy.ndimage import gaussian_filter

from learning.graph import maps
from learning.graph.maps import MapCanvas


def random_grid(h: int, w: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((h, w)).astype(np.float32)


def run(graph_inputs: dict, graph_outputs: dict, values: dict) -> list[np.ndarray]:
    model = spox.build(graph_inputs, graph_outputs)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, values)


@pytest.mark.parametrize(
    ("grid", "out"), [((8, 8), (64, 64)), ((5, 11), (40, 88)), ((3, 7), (50, 60))]
)
@pytest.mark.parametrize("sigma", [0.0, 1.0, 4.0])
def test_two_matrices_equal_bilinear_upsampling_and_a_gaussian_filter(grid, out, sigma):
    scores = random_grid(*grid)
    rows = maps.axis_matrix(out[0], grid[0], sigma)
    columns = maps.axis_matrix(out[1], grid[1], sigma)
    large = cv2.resize(scores, (out[1], out[0]), interpolation=cv2.INTER_LINEAR).astype(float)
    expected = gaussian_filter(large, sigma, mode="reflect") if sigma else large
    assert np.abs(rows @ scores @ columns.T - expected).max() < 1e-5


def test_a_gaussian_wider_than_the_map_still_mirrors_at_its_border():
    matrix = maps.axis_matrix(6, 6, 4.0)
    expected = gaussian_filter(np.eye(6), (4.0, 0), mode="reflect")
    assert np.abs(matrix - expected).max() < 1e-9


def test_a_constant_grid_stays_constant_up_to_the_border():
    rows = maps.axis_matrix(64, 8, 4.0)
    assert np.allclose(rows.sum(axis=1), 1)


def drawn_by_graph(
    grids: dict[str, np.ndarray], canvas: MapCanvas
) -> tuple[np.ndarray, np.ndarray]:
    arguments = {
        name: spox.argument(spox.Tensor(np.float32, ("N", *grid.shape[1:])))
        for name, grid in grids.items()
    }
    shapes = {name: grid.shape[1:] for name, grid in grids.items()}
    anomaly_map = maps.anomaly_map(arguments, shapes, canvas)
    score = maps.top_mean(anomaly_map, canvas)
    return tuple(run(arguments, {"map": anomaly_map, "score": score}, grids))


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_the_graph_fuses_layers_of_different_strides_like_numpy(batch):
    grids = {
        "a": np.stack([random_grid(8, 12, s) for s in range(batch)]),
        "b": np.stack([random_grid(4, 6, s + 50) for s in range(batch)]),
    }
    inside = np.zeros((64, 96), bool)
    inside[10:50, 20:70] = True
    for canvas in (MapCanvas((64, 96)), MapCanvas((64, 96), inside=inside)):
        drawn, score = drawn_by_graph(grids, canvas)
        expected = maps.anomaly_map_numpy(grids, canvas)
        assert drawn.shape == (batch, 64, 96)
        assert np.abs(drawn - expected).max() < 1e-5
        assert np.abs(score - maps.top_mean_numpy(expected, canvas)).max() < 1e-5


def test_the_image_score_is_the_mean_of_the_top_fraction():
    canvas = MapCanvas((20, 50), top_fraction=0.01)
    values = np.random.default_rng(0).permutation(1000).astype(np.float32).reshape(1, 20, 50)
    assert canvas.top_k == 10
    assert maps.top_mean_numpy(values, canvas) == pytest.approx([np.arange(990, 1000).mean()])


def test_a_top_fraction_of_zero_is_the_maximum():
    values = np.arange(1000, dtype=np.float32).reshape(1, 20, 50)
    assert maps.top_mean_numpy(values, MapCanvas((20, 50), top_fraction=0)) == [999]


@pytest.mark.parametrize(("map_hw", "step"), [((256, 448), 1), ((512, 1280), 2), ((2048, 2048), 4)])
def test_top_k_never_exceeds_what_tensorrt_takes(map_hw, step):
    canvas = MapCanvas(map_hw)
    assert canvas.step == step
    assert canvas.top_k <= maps.TOP_K_LIMIT


def test_the_score_on_every_second_pixel_of_a_smooth_map_is_nearly_that_of_all():
    grid = {"a": random_grid(80, 100)[None]}
    canvas = MapCanvas((640, 800))
    drawn = maps.anomaly_map_numpy(grid, canvas)
    assert canvas.step == 2
    full = np.sort(drawn.ravel())[-int(0.01 * drawn.size) :].mean()
    assert maps.top_mean_numpy(drawn, canvas)[0] == pytest.approx(full, rel=1e-3)


def test_with_a_region_the_map_is_zero_outside_and_a_constant_score_stays_whole_up_to_its_edge():
    inside = np.zeros((64, 96), bool)
    inside[13:40, 20:71] = True
    canvas = MapCanvas((64, 96), inside=inside)
    drawn = maps.anomaly_map_numpy({"a": np.full((1, 8, 12), 0.5, np.float32)}, canvas)[0]
    assert np.all(drawn[~inside] == 0)
    assert np.allclose(drawn[inside], 0.5, atol=1e-5)


def test_cells_outside_the_region_leave_no_trace_inside():
    inside = np.zeros((64, 96), bool)
    inside[16:48, 24:72] = True
    canvas = MapCanvas((64, 96), inside=inside)
    grid = random_grid(8, 12)
    hot = grid.copy()
    hot[:2], hot[6:], hot[:, :3], hot[:, 9:] = 9, 9, 9, 9
    both = maps.anomaly_map_numpy({"a": np.stack([grid, hot])}, canvas)
    assert np.array_equal(both[0], both[1])
    assert both[0].max() > 0


def test_with_a_region_the_top_fraction_is_of_the_pixels_inside():
    inside = np.zeros((20, 50), bool)
    inside[:10, :20] = True
    assert MapCanvas((20, 50), inside=inside).top_k == 2
    values = np.where(inside, np.arange(1000).reshape(20, 50), 0).astype(np.float32)[None]
    assert maps.top_mean_numpy(values, MapCanvas((20, 50), inside=inside)) == [(469 + 468) / 2]


@pytest.mark.parametrize(
    "change", [{"sigma": -1.0}, {"sigma": float("nan")}, {"top_fraction": 1.5}]
)
def test_impossible_settings_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        MapCanvas((64, 64), **change)
