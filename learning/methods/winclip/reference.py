"""WinCLIP, written literally in float64."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from learning.graph.maps import MapCanvas
from learning.methods import map_reference

Float = npt.NDArray[np.float64]


def maps_and_scores(
    features: Mapping[str, npt.NDArray[np.float32]],
    patches: str,
    text: Float,
    memories: Mapping[str, Float],
    counted: Float,
    canvas: MapCanvas,
    *,
    temperature: float,
    summed: bool,
    projected: str = "",
) -> tuple[Float, Float]:
    """features: cls (n, E), windows2 and windows3 (n, E, h', w'), and patches (n, C, h, w) under
    that name if there are memories. projected: the feature (n, E, h, w) whose means replace
    windows2 and windows3; "" if these are among the features. text: unit vectors of the normal and
    of the anomalous state. memories: of a feature, (M, C) unit vectors. counted: (h, w), 0 for
    cells that the score leaves out. summed: the map is the sum of both maps, else their mean."""
    maps, scores = [], []
    for index, cls in enumerate(features["cls"]):
        windows = {
            side: _unit(
                _means(features[projected][index], side)
                if projected
                else features[f"windows{side}"][index]
            )
            for side in (2, 3)
        }
        grid = windows[2].shape[1] + 1, windows[2].shape[2] + 1
        whole = _share(_unit(cls), text, temperature)
        zero = np.zeros(grid)
        few = np.zeros(grid)
        for y in range(grid[0]):
            for x in range(grid[1]):
                means = [
                    _harmonic(
                        [_share(v, text, temperature) for v in _covering(windows[s], s, y, x)]
                    )
                    for s in (2, 3)
                ]
                zero[y, x] = _harmonic([whole, *means])
                if memories:
                    patch = _unit(features[patches][index])[:, y, x]
                    parts = [_apart(patch, memories[patches])]
                    for side in (2, 3):
                        memory = memories[f"windows{side}"]
                        around = _covering(windows[side], side, y, x)
                        parts.append(_harmonic([_apart(vector, memory) for vector in around]))
                    few[y, x] = np.mean(parts)
        if not memories:
            maps.append(map_reference.draw(zero, canvas))
            scores.append(whole)
            continue
        joined = zero + few
        maps.append(map_reference.draw(joined if summed else joined / 2, canvas))
        scores.append((whole + (few * counted).max()) / 2)
    return np.stack(maps), np.array(scores)


def _means(vectors: npt.NDArray[np.float32], side: int) -> Float:
    """(E, h, w) -> (E, h', w'): the mean vector of the patches of each window."""
    channels, height, width = vectors.shape
    means = np.zeros((channels, height - side + 1, width - side + 1))
    for y, x in np.ndindex(means.shape[1:]):
        window = vectors[:, y : y + side, x : x + side].astype(np.float64)
        means[:, y, x] = window.mean(axis=(1, 2))
    return means


def _unit(vectors: npt.NDArray[np.floating]) -> Float:
    """Of unit length along the first axis."""
    wide = vectors.astype(np.float64)
    return wide / np.sqrt((wide**2).sum(axis=0))


def _share(vector: Float, text: Float, temperature: float) -> float:
    """Softmax of the cosines with both states, at the anomalous one."""
    powers = np.exp(text @ vector / temperature)
    return float(powers[1] / powers.sum())


def _apart(vector: Float, memory: Float) -> float:
    return float(max(0.0, 0.5 * (1 - (memory @ vector).max())))


def _covering(vectors: Float, side: int, y: int, x: int) -> list[Float]:
    """The vectors of all windows that cover a patch."""
    _, height, width = vectors.shape
    return [
        vectors[:, top, left]
        for top in range(max(0, y - side + 1), min(y, height - 1) + 1)
        for left in range(max(0, x - side + 1), min(x, width - 1) + 1)
    ]


def _harmonic(scores: list[float]) -> float:
    if 0 in scores:
        return 0.0
    return len(scores) / sum(1 / score for score in scores)
