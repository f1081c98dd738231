"""Whitened nearest neighbours computed literally in float64; exported engines must equal it.

It shares no code with the graph or the batched search.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from learning.graph.maps import MapCanvas
from learning.methods import map_reference
from learning.methods.patch_reference import stretch

Float = npt.NDArray[np.float64]


def maps_and_scores(
    layers: Sequence[npt.NDArray[np.float32]],
    mean: npt.NDArray[np.float32],
    matrix: npt.NDArray[np.float32],
    bank: npt.NDArray[np.float32],
    canvas: MapCanvas,
) -> tuple[Float, Float]:
    """layers: (n, C, h, w) of the backbone, the finest grid first. bank: (M, C), whitened."""
    drawn = []
    for index in range(len(layers[0])):
        units = [_unit_averages(layer[index].astype(np.float64)) for layer in layers]
        height, width = units[0].shape[1:]
        joined = np.concatenate([stretch(stretch(u, 1, height), 2, width) for u in units])
        vectors = (joined.reshape(len(joined), -1).T - mean) @ matrix.T.astype(np.float64)
        scores = _nearest(np.asarray(vectors, np.float64), bank.astype(np.float64))
        drawn.append(map_reference.draw(scores.reshape(height, width), canvas))
    stacked = np.stack(drawn)
    return stacked, np.array([map_reference.image_score(m, canvas) for m in stacked])


def _nearest(vectors: Float, bank: Float) -> Float:
    """Distance of each vector to the nearest row. The product of all pairs only chooses the row."""
    gaps = (bank**2).sum(axis=1) - 2 * vectors @ bank.T
    return np.asarray(np.linalg.norm(vectors - bank[gaps.argmin(axis=1)], axis=1))


def _unit_averages(grid: Float) -> Float:
    """(C, h, w) -> the mean of the neighbours within the grid of each position, of length 1."""
    units = np.empty_like(grid)
    for y in range(grid.shape[1]):
        for x in range(grid.shape[2]):
            around = grid[:, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].mean(axis=(1, 2))
            units[:, y, x] = around / max(float(np.linalg.norm(around)), 1e-12)
    return units
