"""Patches of features, computed literally in float64 for the references of GLASS and PatchCore.

It shares no code with learning.graph.patch_embedding.
"""

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]


def unfold(layer: Float) -> Float:
    """(C, h, w) -> (h, w, C, 3, 3): the neighbours of each position, zeros beyond the border."""
    channels, height, width = layer.shape
    padded = np.pad(layer, ((0, 0), (1, 1), (1, 1)))
    patches = np.empty((height, width, channels, 3, 3))
    for y in range(height):
        for x in range(width):
            patches[y, x] = padded[:, y : y + 3, x : x + 3]
    return patches


def stretch(values: Float, axis: int, out: int) -> Float:
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


def pool(values: Float, out: int) -> Float:
    """(..., n) -> (..., out): adaptive average pooling."""
    length = values.shape[-1]
    bins = [
        values[..., i * length // out : -(-(i + 1) * length // out)].mean(axis=-1)
        for i in range(out)
    ]
    return np.stack(bins, axis=-1)
