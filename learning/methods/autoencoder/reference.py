"""Computes the autoencoder in float64, written directly from the equations; engines must equal it.

It shares no code with the graph or the folded network: convolutions are sums over shifted pictures,
the batch norm is separate, and the Gaussian of SSIM is SciPy's.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from learning.graph.maps import MapCanvas
from learning.methods import map_reference

Float = npt.NDArray[np.float64]
State = Mapping[str, npt.NDArray[np.floating]]


def maps_and_scores(
    pictures: npt.NDArray[np.float32],
    state: State,
    skips: Sequence[bool],
    error: str,
    share: float,
    canvas: MapCanvas,
) -> tuple[Float, Float]:
    """pictures: (n, 3, H, W) in [-1, 1]. state: the trained tensors by name."""
    wide = {name: values.astype(np.float64) for name, values in state.items()}
    maps = []
    for picture in pictures.astype(np.float64):
        grid = difference(picture, redraw(picture, wide, skips), error, share)
        maps.append(map_reference.draw(grid, canvas))
    return np.stack(maps), np.array([map_reference.image_score(drawn, canvas) for drawn in maps])


def redraw(picture: Float, state: Mapping[str, Float], skips: Sequence[bool]) -> Float:
    """(3, H, W) -> (3, H, W)."""
    first = _double_convolution(picture, state, "encoder.0")
    second = _double_convolution(_pool(first), state, "encoder.1")
    third = _double_convolution(_pool(second), state, "encoder.2")
    values = _double_convolution(_pool(third), state, "encoder.3")
    for index, (skip, used) in enumerate(zip((third, second, first), skips, strict=True)):
        values = _transposed(values, state[f"ups.{index}.weight"], state[f"ups.{index}.bias"])
        if used:
            values = np.concatenate([skip, values])
        values = _double_convolution(values, state, f"decoder.{index}")
    return np.tanh(_convolution(values, state["head.weight"], state["head.bias"]))


def difference(picture: Float, drawn: Float, error: str, share: float) -> Float:
    """(H, W) in [0, 1]."""
    if error == "mse":
        return np.asarray(((picture - drawn) ** 2).mean(axis=0) / 4)
    absolute = np.abs(picture - drawn).mean(axis=0) / 2
    if error == "l1":
        return np.asarray(absolute)
    similarity = np.mean([_ssim(x, y) for x, y in zip(picture, drawn, strict=True)], axis=0)
    dissimilar = np.clip((1 - similarity) / 2, 0, 1)
    if error == "ssim":
        return np.asarray(dissimilar)
    return np.asarray((1 - share) * absolute + share * dissimilar)


def _double_convolution(values: Float, state: Mapping[str, Float], name: str) -> Float:
    for place in (0, 3):
        layer = f"{name}.{place}"
        values = _convolution(values, state[f"{layer}.weight"], state[f"{layer}.bias"])
        norm = f"{name}.{place + 1}"
        if f"{norm}.weight" in state:
            mean, variance = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
            scale = state[f"{norm}.weight"] / np.sqrt(variance + 1e-5)
            shift = state[f"{norm}.bias"] - mean * scale
            values = values * scale[:, None, None] + shift[:, None, None]
        values = np.where(values > 0, values, 0.0)
    return values


def _convolution(values: Float, kernel: Float, bias: Float) -> Float:
    side = kernel.shape[2]
    height, width = values.shape[1:]
    padded = np.pad(values, ((0, 0), (side // 2,) * 2, (side // 2,) * 2))
    total = np.broadcast_to(bias[:, None, None], (len(kernel), height, width)).copy()
    for y in range(side):
        for x in range(side):
            shifted = padded[:, y : y + height, x : x + width]
            total += np.tensordot(kernel[:, :, y, x], shifted, axes=1)
    return total


def _transposed(values: Float, kernel: Float, bias: Float) -> Float:
    height, width = values.shape[1:]
    grown = np.empty((kernel.shape[1], 2 * height, 2 * width))
    for y in range(2):
        for x in range(2):
            mixed = np.tensordot(kernel[:, :, y, x].T, values, axes=1)
            grown[:, y::2, x::2] = mixed + bias[:, None, None]
    return grown


def _pool(values: Float) -> Float:
    corners = [values[:, y::2, x::2] for y in range(2) for x in range(2)]
    return np.asarray(np.max(corners, axis=0))


def _ssim(x: Float, y: Float) -> Float:
    """Wang et al. 2004, equation 13, for values that span 2."""

    def smooth(values: Float) -> Float:
        return np.asarray(gaussian_filter(values, 1.5, mode="nearest", truncate=10 / 3))

    mean_x, mean_y = smooth(x), smooth(y)
    variances = np.maximum(smooth(x * x) - mean_x**2 + smooth(y * y) - mean_y**2, 0)
    covariance = smooth(x * y) - mean_x * mean_y
    first, second = 0.0004, 0.0036
    return np.asarray(
        (2 * mean_x * mean_y + first)
        * (2 * covariance + second)
        / ((mean_x**2 + mean_y**2 + first) * (variances + second))
    )
