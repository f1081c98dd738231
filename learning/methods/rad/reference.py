"""RAD computed literally in float64, position by position; exported engines must equal it.

It shares no code with the graph or the batched search.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Mask
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
    levels: tuple[int, int] | None = None,
) -> tuple[Float, Float]:
    """features: layer -> (n, C, h, w) of the backbone. whole: what the descriptor is made from.
    levels: largest codes of bank and queries in int8; None: they are not rounded."""
    chosen = None
    if descriptors is not None and top_k is not None:
        chosen = np.stack([_most_similar(each, descriptors, top_k) for each in whole])
    stacked = np.zeros((len(whole), *canvas.map_hw))
    for name, bank in banks.items():
        grid = features[name].astype(np.float64)
        scores = grid_scores(grid, bank, radius, chosen, average, levels)
        for total, cells in zip(stacked, scores, strict=True):
            total += map_reference.draw(cells, canvas)
    stacked /= len(banks)
    return stacked, np.array([map_reference.image_score(m, canvas) for m in stacked])


def grid_scores(
    grids: Float,
    bank: npt.NDArray[np.floating],
    radius: int | None,
    chosen: Mask | None,
    average: int = 3,
    levels: tuple[int, int] | None = None,
) -> Float:
    """(n, C, h, w) raw features -> (n, h, w) scores. chosen: (n, N) pictures of the bank that each
    picture is compared with; None is all.

    All pictures are compared with a place of the bank together, because only this place is
    converted to float64 at a time.
    """
    count, _, height, width = grids.shape
    reach = average // 2
    scores = np.empty((count, height, width))
    mean = None if levels is None else bank.mean(axis=(0, 2), dtype=np.float64)
    everywhere = bank.astype(np.float64)[np.newaxis] if radius is None else None
    for y in range(height):
        for x in range(width):
            rows = slice(max(0, y - reach), y + reach + 1)
            around = grids[:, :, rows, max(0, x - reach) : x + reach + 1]
            vectors = around.mean(axis=(2, 3))
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
            window = everywhere
            if radius is not None:
                window = _window(bank, (y, x), (height, width), radius).astype(np.float64)
            if mean is None or levels is None:
                cosines = vectors @ window
            else:
                apart = _round(window - mean[:, None], levels[0], axis=(1, 2))
                cosines = _round(vectors, levels[1], axis=1) @ apart + (vectors @ mean)[:, None]
            if chosen is not None:
                cosines = np.where(chosen, cosines, -np.inf)
            scores[:, y, x] = 1 - cosines.max(axis=(0, 2))
    return np.maximum(scores, 0)


def _round(values: Float, levels: int, axis: int | tuple[int, int]) -> Float:
    """The nearest multiples of the largest absolute value along the axes, divided by levels."""
    steps = np.maximum(np.abs(values).max(axis=axis, keepdims=True), 1e-12) / levels
    return np.round(values / steps) * steps


def _window(
    bank: npt.NDArray[np.floating], at: tuple[int, int], grid_hw: tuple[int, int], radius: int
) -> npt.NDArray[np.floating]:
    """(k, C, N): the vectors of the k places around one place."""
    rows = slice(max(0, at[0] - radius), at[0] + radius + 1)
    columns = slice(max(0, at[1] - radius), at[1] + radius + 1)
    places = bank.reshape(*grid_hw, *bank.shape[1:])[rows, columns]
    return places.reshape(-1, *bank.shape[1:])


def _most_similar(
    whole: npt.NDArray[np.float32], descriptors: npt.NDArray[np.float32], top_k: int
) -> Mask:
    """(N,): the pictures at least as similar as the top_k-th."""
    wide = whole.astype(np.float64)
    vector = wide.mean(axis=(1, 2)) if wide.ndim == 3 else wide
    vector = vector / max(float(np.linalg.norm(vector)), 1e-12)
    similarity = descriptors.astype(np.float64) @ vector
    last = sorted(similarity, reverse=True)[min(top_k, len(similarity)) - 1]
    return np.asarray(similarity >= last)
