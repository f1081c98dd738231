"""Harmonic means over windows against loops."""

import numpy as np
import pytest
import spox
from onnx.reference import ReferenceEvaluator

from learning.graph.windows import (
    cover_matrix,
    harmonic_mean,
    harmonic_mean_numpy,
    patch_scores,
    patch_scores_numpy,
)


def literal(scores: np.ndarray, grid: tuple[int, int], side: int) -> np.ndarray:
    windows = scores.reshape(grid[0] - side + 1, grid[1] - side + 1).astype(np.float64)
    result = np.zeros(grid)
    for y, x in np.ndindex(grid):
        inverse = [
            1 / windows[top, left]
            for top, left in np.ndindex(windows.shape)
            if top <= y < top + side and left <= x < left + side
        ]
        result[y, x] = len(inverse) / sum(inverse)
    return result.ravel()


@pytest.mark.parametrize("grid", [(3, 3), (4, 6), (7, 3)])
@pytest.mark.parametrize("side", [2, 3])
def test_every_patch_has_the_harmonic_mean_of_its_windows(grid, side):
    count = cover_matrix(grid, side).shape[1]
    scores = np.random.default_rng(0).uniform(1e-4, 1, (5, count)).astype(np.float32)
    right = np.stack([literal(row, grid, side) for row in scores])
    assert np.allclose(patch_scores_numpy(scores, grid, side), right, rtol=1e-5)
    argument = spox.argument(spox.Tensor(np.float32, ("N", count)))
    model = spox.build({"x": argument}, {"y": patch_scores(argument, grid, side)})
    (graph,) = ReferenceEvaluator(model).run(None, {"x": scores})
    assert np.allclose(graph, right, rtol=1e-5)


def test_a_score_of_zero_gives_nearly_zero_and_no_infinity():
    scores = np.array([[0, 0.5, 0.7, 0.9]], np.float32)
    patches = patch_scores_numpy(scores, (3, 3), 2)[0]
    assert np.isfinite(patches).all()
    assert patches[0] <= 1e-6
    assert patches[4] <= 4e-6
    assert np.isclose(patches[8], 0.9)


def test_the_mean_of_scales_spreads_one_value_over_all_patches():
    random = np.random.default_rng(1)
    parts = [random.uniform(0.1, 1, shape).astype(np.float32) for shape in ((4, 1), (4, 9), (4, 9))]
    right = 3 / sum(1 / part.astype(np.float64) for part in parts)
    assert np.allclose(harmonic_mean_numpy(parts), right, rtol=1e-6)
    arguments = [spox.argument(spox.Tensor(np.float32, part.shape)) for part in parts]
    names = dict(zip("abc", arguments, strict=True))
    model = spox.build(names, {"y": harmonic_mean(arguments)})
    (graph,) = ReferenceEvaluator(model).run(None, dict(zip("abc", parts, strict=True)))
    assert np.allclose(graph, right, rtol=1e-6)
