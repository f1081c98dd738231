"""Smooths pictures with Gaussians: round ones, and long ones in several directions."""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Mask

Float32Array = npt.NDArray[np.float32]
"""(h, w) or (h, w, 3) float32."""

ANGLES: Final = tuple(22.5 * step for step in range(8))
"""Directions of the lines that are tried, in degrees from the x axis towards y."""

LINE_ACROSS: Final = 0.8
LINE_ALONG: Final = 4.0
"""Standard deviations in pixels of the kernels for lines."""

_LINE_REACH: Final = math.ceil(1.5 * LINE_ALONG)


def blur(values: Float32Array, sigma: float) -> Float32Array:
    """Blurs (h, w) or (h, w, 3) with a Gaussian.

    A wide Gaussian is applied to a smaller picture. This is much faster, and the result differs by
    a few per mille. The averaging and the interpolation blur the picture too, so their variances
    are subtracted from that of the Gaussian.
    """
    height, width = values.shape[:2]
    step = 4 if sigma >= 6 else 2 if sigma >= 3 else 1
    if step == 1 or min(height, width) < 8 * step:
        side = 2 * math.ceil(3 * sigma) + 1
        return np.asarray(cv2.GaussianBlur(values, (side, side), sigma), dtype=np.float32)
    size = math.ceil(width / step), math.ceil(height / step)
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    left = math.sqrt(sigma**2 - (step**2 - 1) / 12 - step**2 / 6) / step
    small = cv2.GaussianBlur(small, (0, 0), left)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, dtype=np.float32)


def compute_line_responses(values: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Smooths (h, w) along each of ANGLES. Returns the largest and the smallest value over the
    angles. The smallest is the response to a dark line."""
    largest: Float32Array | None = None
    smallest: Float32Array | None = None
    for response in smooth_along_lines(values):
        largest = response if largest is None else cv2.max(largest, response)
        smallest = response if smallest is None else cv2.min(smallest, response)
    assert largest is not None
    assert smallest is not None
    return np.asarray(largest), np.asarray(smallest)


def smooth_along_lines(values: Float32Array) -> Iterator[Float32Array]:
    """Smooths (h, w) along each of ANGLES. The borders are repeated.

    In the frequency domain the picture is transformed only once for all kernels. float64 makes the
    result exact to the last bit of float32.
    """
    (height, width), reach = values.shape, _LINE_REACH
    # Few different sizes, so that the kernels are seldom transformed.
    rows, columns = (
        24 * cv2.getOptimalDFTSize(math.ceil((side + 2 * reach) / 24)) for side in values.shape
    )
    below, right = rows - height - reach, columns - width - reach
    padded = cv2.copyMakeBorder(values, reach, below, reach, right, cv2.BORDER_REPLICATE)
    spectrum = cv2.dft(padded.astype(np.float64), flags=cv2.DFT_COMPLEX_OUTPUT)
    for kernels in _transform_line_kernels(rows, columns):
        product = cv2.mulSpectrums(spectrum, kernels, 0)
        pair = cv2.dft(product, flags=cv2.DFT_INVERSE | cv2.DFT_SCALE)
        yield from cv2.split(pair[2 * reach :, 2 * reach :][:height, :width].astype(np.float32))


@lru_cache(maxsize=8)
def _transform_line_kernels(rows: int, columns: int) -> tuple[npt.NDArray[np.float64], ...]:
    """Spectra (rows, columns, 2) of the kernels for ANGLES. Each is of two kernels: the second is
    the imaginary part, so both are applied at once. Each kernel sums to 1."""
    y, x = np.mgrid[-_LINE_REACH : _LINE_REACH + 1, -_LINE_REACH : _LINE_REACH + 1]
    pairs = np.zeros((len(ANGLES) // 2, rows, columns, 2))
    for number, angle in enumerate(np.radians(ANGLES)):
        along = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle)
        weight = np.exp(-0.5 * ((along / LINE_ALONG) ** 2 + (across / LINE_ACROSS) ** 2))
        part = pairs[number // 2, : len(y), : len(x), number % 2]
        part[:] = (weight / weight.sum()).astype(np.float32)
    return tuple(cv2.dft(pair) for pair in pairs)


def multiply_colours(a: Float32Array, b: Float32Array) -> Float32Array:
    """Scalar products of (..., 3) along the last axis. Channel by channel is the fastest way."""
    total = a[..., 0] * b[..., 0]
    total += a[..., 1] * b[..., 1]
    total += a[..., 2] * b[..., 2]
    return np.asarray(total)


def find_crop(mask: Mask, margin: int) -> tuple[slice, slice]:
    """Rows and columns of the smallest box around a mask that is not empty, wider by a margin."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    return (
        slice(max(y - margin, 0), y + height + margin),
        slice(max(x - margin, 0), x + width + margin),
    )


def find_median(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """The median along the last axis, several times faster than NumPy's for short rows."""
    count = values.shape[-1]
    ordered = np.sort(values, axis=-1)
    return np.asarray((ordered[..., (count - 1) // 2] + ordered[..., count // 2]) / 2)


def find_quantile(values: npt.NDArray[np.floating], share: float) -> float:
    """A quantile of (n,), n >= 1, interpolated like NumPy's and several times faster. share: 0 to
    1. Raises IndexError for n = 0."""
    ordered, last = np.sort(values), len(values) - 1
    below = int(share * last)
    low, high = ordered[below], ordered[min(below + 1, last)]
    part = share * last - below
    return float(low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part))


def grow_mask(mask: Mask, radius: float) -> Mask:
    """Widens the mask by a radius in pixels. The time does not depend on the radius."""
    away = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(away <= radius)
