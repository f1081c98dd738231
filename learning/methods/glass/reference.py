"""GLASS computed literally in float64, as its networks are trained; exported engines must equal it.

It shares no code with the graph or the folded model: patches are unfolded and pooled one after the
other, and the projection, the layer of the discriminator and its batch norm are separate.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from learning.graph.maps import MapCanvas
from learning.methods import map_reference
from learning.methods.patch_reference import pool, stretch, unfold

Float = npt.NDArray[np.float64]
Networks = Mapping[str, Mapping[str, npt.NDArray[np.floating]]]


def maps_and_scores(
    features: Sequence[npt.NDArray[np.float32]], networks: Networks, canvas: MapCanvas
) -> tuple[Float, Float]:
    """features: (n, C, h, w) per layer. networks: a checkpoint."""
    maps, scores = [], []
    for index in range(len(features[0])):
        patches = patch_vectors(
            [values[index].astype(np.float64) for values in features],
            len(networks["pre_projection"]["layers.0fc.weight"]),
        )
        grid = discriminate(patches, networks)
        maps.append(map_reference.draw(grid, canvas))
        scores.append(_largest(grid, canvas))
    return np.stack(maps), np.array(scores)


def patch_vectors(layers: Sequence[Float], dims: int) -> Float:
    """(C, h, w) per layer -> (h, w, dims), in the published order: unfold, resize, pool, pool."""
    height, width = layers[0].shape[1:]
    pooled = []
    for layer in layers:
        windows = unfold(layer)
        patches = windows.reshape(*windows.shape[:2], -1)
        pooled.append(pool(stretch(stretch(patches, 0, height), 1, width), dims))
    return pool(np.concatenate(pooled, axis=-1), dims)


def discriminate(patches: Float, networks: Networks) -> Float:
    """(..., dims) -> (...) in (0, 1)."""
    projection, net = (
        {key: values.astype(np.float64) for key, values in networks[name].items()}
        for name in ("pre_projection", "discriminator")
    )
    projected = patches @ projection["layers.0fc.weight"].T + projection["layers.0fc.bias"]
    hidden = projected @ net["body.block1.0.weight"].T + net["body.block1.0.bias"]
    deviation = np.sqrt(net["body.block1.1.running_var"] + 1e-5)
    normal = (hidden - net["body.block1.1.running_mean"]) / deviation
    normal = normal * net["body.block1.1.weight"] + net["body.block1.1.bias"]
    active = np.where(normal > 0, normal, 0.2 * normal)
    return np.asarray(1 / (1 + np.exp(-(active @ net["tail.0.weight"][0]))))


def _largest(grid: Float, canvas: MapCanvas) -> float:
    """Among the cells of which half lies inside the region, or as much as of any."""
    if canvas.inside is None:
        return float(grid.max())
    share = map_reference.share(canvas.inside.astype(np.float64), grid.shape)
    return float(grid[share >= min(0.5, share.max())].max())
