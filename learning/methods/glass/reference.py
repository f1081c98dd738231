"""GLASS computed literally in float64, as its networks are trained; exported engines must equal it.

It shares no code with the graph or the folded model: patches are unfolded and pooled one after the
other, and the projection, the layer of the discriminator and its batch norm are separate.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from learning.graph.maps import MapCanvas
from learning.methods import map_reference

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
        grid = discriminated(patches, networks)
        maps.append(map_reference.draw(grid, canvas))
        scores.append(_largest(grid, canvas))
    return np.stack(maps), np.array(scores)


def patch_vectors(layers: Sequence[Float], dims: int) -> Float:
    """(C, h, w) per layer -> (h, w, dims), in the published order: unfold, resize, pool, pool."""
    height, width = layers[0].shape[1:]
    pooled = []
    for layer in layers:
        patches = _stretched(_stretched(_unfolded(layer), 0, height), 1, width)
        pooled.append(_pooled(patches, dims))
    return _pooled(np.concatenate(pooled, axis=-1), dims)


def discriminated(patches: Float, networks: Networks) -> Float:
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


def _unfolded(layer: Float) -> Float:
    """(C, h, w) -> (h, w, C * 9): channel, row, column; zeros beyond the border."""
    channels, height, width = layer.shape
    padded = np.zeros((channels, height + 2, width + 2))
    padded[:, 1:-1, 1:-1] = layer
    patches = np.empty((height, width, channels, 3, 3))
    for dy in range(3):
        for dx in range(3):
            shifted = padded[:, dy : dy + height, dx : dx + width]
            patches[:, :, :, dy, dx] = shifted.transpose(1, 2, 0)
    return patches.reshape(height, width, channels * 9)


def _stretched(values: Float, axis: int, out: int) -> Float:
    """Bilinear along one axis, pixel centres at halves."""
    length = values.shape[axis]
    if length == out:
        return values
    at = np.clip((np.arange(out) + 0.5) * length / out - 0.5, 0, length - 1)
    low = np.minimum(at.astype(int), max(length - 2, 0))
    share = np.expand_dims(at - low, tuple(i for i in range(values.ndim) if i != axis))
    below = np.take(values, low, axis=axis)
    above = np.take(values, np.minimum(low + 1, length - 1), axis=axis)
    return (1 - share) * below + share * above


def _pooled(values: Float, out: int) -> Float:
    """(..., n) -> (..., out): adaptive average."""
    length = values.shape[-1]
    bins = [
        values[..., i * length // out : -(-(i + 1) * length // out)].mean(axis=-1)
        for i in range(out)
    ]
    return np.stack(bins, axis=-1)


def _largest(grid: Float, canvas: MapCanvas) -> float:
    """Among the cells of which half lies inside the region, or as much as of any."""
    if canvas.inside is None:
        return float(grid.max())
    share = map_reference.share(canvas.inside.astype(np.float64), grid.shape)
    return float(grid[share >= min(0.5, share.max())].max())
