"""RAD computed literally in float64, position by position; exported engines must equal it.

It shares no code with the graph or the batched search.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from learning.graph.maps import MapCanvas
from learning.methods import map_reference

Float = npt.NDArray[np.float64]


def maps_and_scores(
    features: Mapping[str, npt.NDArray[np.float32]],
    banks: Mapping[str, npt.NDArray[np.floating]],
    canvas: MapCanvas,
    *,
    radius: int | None,
    whole: npt.NDArray[np.float32],
    descriptors: npt.NDArray[np.float32] | None,
    top_k: int | None,
    average: int = 3,
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
            scores = grid_scores(grid, bank.astype(np.float64), radius, chosen, average)
            layers.append(map_reference.draw(scores, canvas))
        drawn.append(np.mean(layers, axis=0))
    stacked = np.stack(drawn)
    return stacked, np.array([map_reference.image_score(m, canvas) for m in stacked])


def grid_scores(
    grid: Float, bank: Float, radius: int | None, chosen: list[int] | None, average: int = 3
) -> Float:
    """(C, h, w) raw features -> (h, w) scores."""
    _, height, width = grid.shape
    reach = average // 2
    scores = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            rows = slice(max(0, y - reach), y + reach + 1)
            around = grid[:, rows, max(0, x - reach) : x + reach + 1]
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
