"""PatchCore computed literally in float64, patch by patch; exported engines must equal it.

It shares no code with the graph or the batched search.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from learning.graph.maps import MapCanvas
from learning.methods import map_reference

Float = npt.NDArray[np.float64]


def maps_and_scores(
    features: Sequence[npt.NDArray[np.float32]],
    bank: Float,
    canvas: MapCanvas,
    *,
    pooled_to: int | None,
    neighbours: int,
    nearest: bool,
) -> tuple[Float, Float]:
    """features: (n, C, h, w) of each layer. bank: (M, D), not centred. pooled_to: the length of
    patches of variant official, None for paper. nearest: how the map is upsampled."""
    drawn, scores = [], []
    for index in range(len(features[0])):
        layers = [layer[index].astype(np.float64) for layer in features]
        grid, score = grid_and_score(layers, bank, canvas, pooled_to, neighbours)
        drawn.append(map_reference.draw(_copied(grid, canvas) if nearest else grid, canvas))
        scores.append(score)
    return np.stack(drawn), np.array(scores)


def grid_and_score(
    layers: Sequence[Float], bank: Float, canvas: MapCanvas, pooled_to: int | None, neighbours: int
) -> tuple[Float, float]:
    """(C, h, w) of each layer of one picture -> (h, w) scores of its patches, and its own."""
    grid_hw = layers[0].shape[1:]
    patches = embedded(layers, pooled_to).reshape(-1, bank.shape[1])
    distances = cdist(patches, bank)
    nearest = distances.argmin(axis=1)
    least = distances.min(axis=1)
    inside = np.ones(grid_hw)
    if canvas.inside is not None:
        share = map_reference.share(canvas.inside.astype(np.float64), grid_hw)
        inside = np.where(share >= min(0.5, share.max()), 1.0, 0.0)
    top = int(np.argmax(least * inside.ravel()))
    score = least[top] if pooled_to is None else least[top] ** 2
    if neighbours > 1:
        score *= 1 - _share_of_first(patches[top], bank, nearest[top], neighbours)
    grid = least if pooled_to is None else least**2
    return grid.reshape(grid_hw), float(score)


def _share_of_first(patch: Float, bank: Float, row: int, neighbours: int) -> float:
    """Softmax at `row` of the patch's distances to that row and the others nearest to it."""
    apart = cdist(bank[row][None], bank)[0]
    apart[row] = -1
    around = np.argsort(apart, kind="stable")[:neighbours]
    exponents = np.array([np.linalg.norm(patch - bank[other]) for other in around])
    powers = np.exp(exponents - exponents.max())
    return float(powers[0] / powers.sum())


def embedded(layers: Sequence[Float], pooled_to: int | None) -> Float:
    """(C, h, w) of each layer -> (h, w, D) at the first one's grid."""
    parts = []
    for grid in layers:
        windows = _unfolded(grid)
        part = windows.mean(axis=(3, 4))
        if pooled_to is not None:
            part = _pooled(windows.reshape(*windows.shape[:2], -1), pooled_to)
        for axis, out in enumerate(layers[0].shape[1:]):
            part = _stretched(part, axis, out)
        parts.append(part)
    together = np.concatenate(parts, axis=2)
    return together if pooled_to is None else _pooled(together, pooled_to)


def _unfolded(grid: Float) -> Float:
    """(C, h, w) -> (h, w, C, 3, 3), zeros beyond the border."""
    channels, height, width = grid.shape
    padded = np.pad(grid, ((0, 0), (1, 1), (1, 1)))
    windows = np.empty((height, width, channels, 3, 3))
    for y in range(height):
        for x in range(width):
            windows[y, x] = padded[:, y : y + 3, x : x + 3]
    return windows


def _pooled(values: Float, out: int) -> Float:
    """Adaptive average pooling of the last axis."""
    length = values.shape[-1]
    bins = [(i * length // out, (i + 1) * length / out) for i in range(out)]
    return np.stack(
        [values[..., start : int(np.ceil(stop))].mean(axis=-1) for start, stop in bins], axis=-1
    )


def _stretched(values: Float, axis: int, out: int) -> Float:
    """Bilinear along one axis, pixel centres at halves."""
    cells = values.shape[axis]
    centres = np.clip((np.arange(out) + 0.5) * cells / out - 0.5, 0, cells - 1)
    low = np.minimum(centres.astype(int), max(cells - 2, 0))
    part = (centres - low).reshape([-1 if at == axis else 1 for at in range(values.ndim)])
    upper = np.minimum(low + 1, cells - 1)
    return values.take(low, axis) * (1 - part) + values.take(upper, axis) * part


def _copied(grid: Float, canvas: MapCanvas) -> Float:
    """To the map's size, each pixel the value of the cell under its corner."""
    (height, width), (rows, columns) = canvas.map_hw, grid.shape
    return np.array(
        [
            [grid[y * rows // height, x * columns // width] for x in range(width)]
            for y in range(height)
        ]
    )
