"""RAD written down literally in float64, position by position: what exported engines must equal.

Shares no code with the graph or the batched search, and uses SciPy's Gaussian filter.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from engines.graph.maps import TRUNCATE, Canvas

Float = npt.NDArray[np.float64]


def maps_and_scores(
    features: Mapping[str, npt.NDArray[np.float32]],
    banks: Mapping[str, npt.NDArray[np.floating]],
    canvas: Canvas,
    *,
    radius: int | None,
    whole: npt.NDArray[np.float32],
    descriptors: npt.NDArray[np.float32] | None,
    top_k: int | None,
) -> tuple[Float, Float]:
    """features: layer -> (n, C, h, w) of the backbone. whole: what the descriptor is made from."""
    drawn = []
    for index in range(len(whole)):
        chosen = None
        if descriptors is not None and top_k is not None:
            chosen = _most_similar(whole[index].astype(np.float64), descriptors, top_k)
        layers = []
        for name, bank in banks.items():
            grid = features[name][index].astype(np.float64)
            scores = grid_scores(grid, bank.astype(np.float64), radius, chosen)
            layers.append(_draw(scores, canvas))
        drawn.append(np.mean(layers, axis=0))
    stacked = np.stack(drawn)
    return stacked, np.array([_image_score(one, canvas) for one in stacked])


def grid_scores(grid: Float, bank: Float, radius: int | None, chosen: list[int] | None) -> Float:
    """(C, h, w) raw features -> (h, w) scores."""
    _, height, width = grid.shape
    scores = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            around = grid[:, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
            vector = around.mean(axis=(1, 2))
            vector = vector / max(float(np.linalg.norm(vector)), 1e-12)
            scores[y, x] = 1 - _largest_cosine(
                vector, bank, (y, x), (height, width), radius, chosen
            )
    return np.maximum(scores, 0)


def _largest_cosine(
    vector: Float,
    bank: Float,
    at: tuple[int, int],
    grid_hw: tuple[int, int],
    radius: int | None,
    chosen: list[int] | None,
) -> float:
    if radius is None:
        return float((vector @ bank).max())
    rows = slice(max(0, at[0] - radius), at[0] + radius + 1)
    columns = slice(max(0, at[1] - radius), at[1] + radius + 1)
    window = bank.reshape(*grid_hw, *bank.shape[1:])[rows, columns]
    cosines = vector @ window
    return float((cosines if chosen is None else cosines[..., chosen]).max())


def _most_similar(whole: Float, descriptors: npt.NDArray[np.float32], top_k: int) -> list[int]:
    """Indices of the pictures at least as similar as the top_k-th."""
    vector = whole.mean(axis=(1, 2)) if whole.ndim == 3 else whole
    vector = vector / max(float(np.linalg.norm(vector)), 1e-12)
    similarity = descriptors.astype(np.float64) @ vector
    last = sorted(similarity, reverse=True)[min(top_k, len(similarity)) - 1]
    return [index for index, value in enumerate(similarity) if value >= last]


def _draw(scores: Float, canvas: Canvas) -> Float:
    """Upsampled, smoothed, and with a region the mean over what lies inside it."""
    if canvas.inside is None:
        return _smooth(scores, canvas)
    share = _share(canvas.inside.astype(np.float64), scores.shape)
    weight = np.maximum(_smooth(share, canvas), 1e-6)
    return np.where(canvas.inside, _smooth(scores * share, canvas) / weight, 0.0)


def _share(inside: Float, grid_hw: tuple[int, ...]) -> Float:
    """(h, w): mean of the mask over each cell, border pixels by the part that they overlap."""
    share = np.empty(grid_hw)
    for y in range(grid_hw[0]):
        tall = _overlaps(y, grid_hw[0], inside.shape[0])
        for x in range(grid_hw[1]):
            wide = _overlaps(x, grid_hw[1], inside.shape[1])
            share[y, x] = tall @ inside @ wide / (tall.sum() * wide.sum())
    return share


def _overlaps(cell: int, cells: int, pixels: int) -> Float:
    """How much of each pixel lies in the cell, along one axis."""
    start, end = cell * pixels / cells, (cell + 1) * pixels / cells
    return np.array([max(0.0, min(p + 1, end) - max(p, start)) for p in range(pixels)])


def _smooth(grid: Float, canvas: Canvas) -> Float:
    for axis, out in enumerate(canvas.map_hw):
        cells = grid.shape[axis]
        centres = (np.arange(out) + 0.5) * cells / out - 0.5
        lines = np.moveaxis(grid, axis, -1).reshape(-1, cells)
        longer = np.stack([np.interp(centres, np.arange(cells), line) for line in lines])
        grid = longer.T if axis == 0 else longer
    if canvas.sigma == 0:
        return grid
    return gaussian_filter(grid, canvas.sigma, mode="reflect", truncate=TRUNCATE)


def _image_score(one: Float, canvas: Canvas) -> float:
    step = canvas.step
    return float(np.sort(one[::step, ::step].ravel())[-canvas.top_k :].mean())
