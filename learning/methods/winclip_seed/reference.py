"""The variant of WinCLIP, written literally in float64."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from learning.graph.maps import MapCanvas
from learning.methods import map_reference

Float = npt.NDArray[np.float64]


def maps_and_scores(
    features: Mapping[str, npt.NDArray[Any]],
    text: Float,
    bank: Float,
    centres: tuple[float, float],
    spreads: tuple[float, float],
    weights: tuple[float, float],
    canvas: MapCanvas,
) -> tuple[Float, Float]:
    """features: (n, E, h, w) of each block. text: (2, E). bank: (M, E). centres, spreads, weights:
    of the text map and of the map of the bank."""
    drawn = []
    for picture in np.mean([layer.astype(np.float64) for layer in features.values()], axis=0):
        grid = np.zeros(picture.shape[1:])
        for y, x in np.ndindex(grid.shape):
            vector = picture[:, y, x] / np.sqrt((picture[:, y, x] ** 2).sum())
            values = (
                text[1] @ vector - text[0] @ vector,
                np.sqrt(((bank - vector) ** 2).sum(axis=1).min()),
            )
            parts = [
                weight * (value - centre) / spread
                for value, centre, spread, weight in zip(
                    values, centres, spreads, weights, strict=True
                )
            ]
            grid[y, x] = max(0.0, sum(parts))
        drawn.append(map_reference.draw(grid, canvas))
    return np.stack(drawn), np.array([map_reference.image_score(each, canvas) for each in drawn])
