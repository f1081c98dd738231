"""PatchCore computed literally in float64, picture by picture; exported engines must equal it.

It shares no code with the graph or the batched search.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from learning.graph.maps import MapCanvas
from learning.methods import map_reference
from learning.methods.patch_reference import pool, stretch, unfold

Float = npt.NDArray[np.float64]


def maps_and_scores(
    features: Sequence[npt.NDArray[np.float32]],
    bank: Float,
    canvas: MapCanvas,
    *,
    pooled_to: int | None,
    neighbours: int,
    farthest: int,
    nearest: bool,
    basis: Float | None,
) -> tuple[Float, Float]:
    """features: (n, C, h, w) of each layer. bank: (M, D), not centred. pooled_to: the length of
    patches of variant official, None for paper. farthest: patches whose mean is the score. nearest:
    how the map is upsampled. basis: (C, D) by which patches are multiplied; None: they are not."""
    drawn, scores = [], []
    for index in range(len(features[0])):
        layers = [layer[index].astype(np.float64) for layer in features]
        patches = embed_patches(layers, pooled_to)
        if basis is not None:
            patches = patches @ basis
        grid, least, top, row = _distances(patches, bank, canvas)
        if pooled_to is not None:
            grid, least = grid**2, least**2
        score = np.sort(least)[-farthest:].mean()
        if neighbours > 1:
            patch = patches.reshape(-1, bank.shape[1])[top]
            score *= 1 - _share_of_first(patch, bank, row, neighbours)
        drawn.append(map_reference.draw(_copy_cells(grid, canvas) if nearest else grid, canvas))
        scores.append(score)
    return np.stack(drawn), np.array(scores)


def _distances(patches: Float, bank: Float, canvas: MapCanvas) -> tuple[Float, Float, int, int]:
    """(h, w, D) patches of a picture -> (h, w) their distances to the bank, the same (h * w,) with
    0 outside the region, the number of the farthest patch inside, and of its nearest row."""
    grid_hw, vectors = patches.shape[:2], patches.reshape(-1, bank.shape[1])
    # Products find the nearest row. Its distance is computed from the difference, because a
    # difference of squares would lose digits.
    nearest = (np.square(bank).sum(axis=1) - 2 * vectors @ bank.T).argmin(axis=1)
    least = np.linalg.norm(vectors - bank[nearest], axis=1)
    inside = np.ones(grid_hw)
    if canvas.inside is not None:
        share = map_reference.share(canvas.inside.astype(np.float64), grid_hw)
        inside = np.where(share >= min(0.5, share.max()), 1.0, 0.0)
    within = least * inside.ravel()
    top = int(np.argmax(within))
    return least.reshape(grid_hw), within, top, int(nearest[top])


def _share_of_first(patch: Float, bank: Float, row: int, neighbours: int) -> float:
    """Softmax at `row` of the patch's distances to that row and the others nearest to it."""
    apart = np.linalg.norm(bank - bank[row], axis=1)
    apart[row] = -1
    around = np.argsort(apart, kind="stable")[:neighbours]
    exponents = np.array([np.linalg.norm(patch - bank[other]) for other in around])
    powers = np.exp(exponents - exponents.max())
    return float(powers[0] / powers.sum())


def embed_patches(layers: Sequence[Float], pooled_to: int | None) -> Float:
    """(C, h, w) of each layer -> (h, w, D) at the first one's grid."""
    parts = []
    for grid in layers:
        windows = unfold(grid)
        part = windows.mean(axis=(3, 4))
        if pooled_to is not None:
            part = pool(windows.reshape(*windows.shape[:2], -1), pooled_to)
        for axis, out in enumerate(layers[0].shape[1:]):
            part = stretch(part, axis, out)
        parts.append(part)
    together = np.concatenate(parts, axis=2)
    return together if pooled_to is None else pool(together, pooled_to)


def _copy_cells(grid: Float, canvas: MapCanvas) -> Float:
    """To the map's size, each pixel the value of the cell under its corner."""
    (height, width), (rows, columns) = canvas.map_hw, grid.shape
    return np.array(
        [
            [grid[y * rows // height, x * columns // width] for x in range(width)]
            for y in range(height)
        ]
    )
