"""PaDiM computed literally in float64, position by position; exported engines must equal it.

It shares no code with the graph or the batched distances, and starts from the features of the
normal pictures, so that it checks the fit as well.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from learning.graph.maps import MapCanvas
from learning.methods import map_reference

Float = npt.NDArray[np.float64]


def maps_and_scores(
    features: Mapping[str, npt.NDArray[np.float32]],
    normals: Mapping[str, npt.NDArray[np.float32]],
    channels: Mapping[str, npt.NDArray[np.int64]],
    canvas: MapCanvas,
    *,
    grid_hw: tuple[int, int],
    epsilon: float,
) -> tuple[Float, Float]:
    """features: layer -> (n, C, h, w) of the backbone. normals: layer -> (h, w, N, c), the chosen
    channels alone. epsilon: what is added to the diagonal of every covariance."""
    count = len(next(iter(features.values())))
    height, width = grid_hw
    grids = np.empty((count, height, width))
    for y in range(height):
        for x in range(width):
            normal_vectors, vectors = [], []
            for layer, chosen in channels.items():
                rows, columns = features[layer].shape[2:]
                at = y * rows // height, x * columns // width
                normal_vectors.append(normals[layer][at].astype(np.float64))
                vectors.append(features[layer][:, chosen, at[0], at[1]].astype(np.float64))
            grids[:, y, x] = mahalanobis(np.hstack(vectors), np.hstack(normal_vectors), epsilon)
    drawn = np.stack([map_reference.draw(grid, canvas) for grid in grids])
    return drawn, np.array([map_reference.image_score(m, canvas) for m in drawn])


def mahalanobis(asked: Float, learned: Float, epsilon: float) -> Float:
    """(n, d) and (N, d) -> (n,)."""
    covariance = np.atleast_2d(np.cov(learned, rowvar=False)) + epsilon * np.eye(learned.shape[1])
    inverse = np.linalg.inv(covariance)
    mean = learned.mean(axis=0)
    return np.array([np.sqrt((vector - mean) @ inverse @ (vector - mean)) for vector in asked])
