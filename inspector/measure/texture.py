"""The normal texture around a defect: its plane of light, its colours, and its tails."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Mask
from inspector.measure.smoothing import Float32Array, blur

NOISE_FLOOR: Final = 2.0
"""Grey levels that count as noise at every scale. No camera is more exact."""

SAMPLES: Final = 800
"""About the largest number of pixels that statistics use."""

OFTEN: Final = 0.95
RARE: Final = 0.005
"""The tails of the texture are described by a quantile, and by an extreme that about this share of
its places exceed."""

ONE_SIDED: Final = 2.0
PER_OCTANT: Final = 100
"""Samples in each octant of the ring."""

_OCTANTS: Final = np.arange(8)
_OPPOSITE: Final = _OCTANTS ^ 6

_NOISE: Final = NOISE_FLOOR**2 * np.eye(3, dtype=np.float32)

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Colours:
    """Colours of the normal texture at one smoothing.

    centre: (3,) median. axes: (3, 3) principal axes as columns. spreads: (3,) standard deviations
    along them.
    """

    centre: Float32Array
    axes: Float32Array
    spreads: Float32Array

    @property
    def whitening(self) -> Float32Array:
        """(3, 3). (colour - centre) @ whitening has unit spread in every direction."""
        return np.asarray(self.axes / self.spreads, dtype=np.float32)


class Texture:
    """A flattened view (h, w, 3) with its normal texture, smoothed on demand and only once."""

    def __init__(self, view: Float32Array, ring: Mask) -> None:
        self.view = view
        self.ring = ring
        self.ring_pixels = np.count_nonzero(ring)
        self.around = sample_octants(ring)
        self._smoothed: dict[float, tuple[Float32Array, Colours]] = {}

    def smooth(self, sigma: float) -> tuple[Float32Array, Colours]:
        """The smoothed view (h, w, 3), and the colours of its normal texture."""
        if sigma not in self._smoothed:
            view = blur(self.view, sigma)
            samples = view.reshape(-1, 3).take(self.around, axis=0)
            self._smoothed[sigma] = view, measure_colours(samples)
        return self._smoothed[sigma]


def subtract_colour(pixels: Float32Array, colour: Float32Array) -> Float32Array:
    """(h, w, 3) minus (3,). NumPy takes seven times as long for rows of three numbers."""
    return np.asarray(cv2.subtract(pixels, (*colour.tolist(), 0.0)))


def flatten(pixels: Float32Array, ring: Mask) -> Float32Array:
    """Subtracts the plane through the normal texture from (h, w, 3), because light is seldom even.
    Changes the pixels in place. Returns the plane: (3, 3), rows for 1, x / w and y / h."""
    height, width = ring.shape
    places = thin_out(np.flatnonzero(ring))
    values = pixels.reshape(-1, 3).take(places, axis=0)
    channels = np.ascontiguousarray(values.T)
    centre, spread = _measure_spread(channels)
    off = np.abs(channels - centre[:, None])
    usual = np.flatnonzero((off < 3 * spread[:, None]).all(axis=0))
    rows, columns = np.divmod(places[usual], width)
    picked = np.empty((len(usual), 3), np.float32)
    picked[:, 0], picked[:, 1], picked[:, 2] = 1, columns / width - 0.5, rows / height - 0.5
    normal = (picked.T @ picked).astype(np.float64) + 1e-3 * np.eye(3)
    plane = np.linalg.solve(normal, picked.T @ values.take(usual, axis=0)).astype(np.float32)
    across = np.arange(width, dtype=np.float32) / np.float32(width) - np.float32(0.5)
    down = np.arange(height, dtype=np.float32) / np.float32(height) - np.float32(0.5)
    pixels -= (plane[0] + across[:, None] * plane[1])[None]
    for channel, slope in enumerate(plane[2]):
        pixels[..., channel] -= (down * slope)[:, None]
    return plane


def measure_colours(samples: Float32Array) -> Colours:
    """Measures (n, 3) samples of the texture. Outliers are clipped."""
    channels = np.ascontiguousarray(samples.T)
    centre, spread = _measure_spread(channels)
    limit = 3 * spread[:, None]
    clipped = np.ascontiguousarray(np.clip(channels - centre[:, None], -limit, limit).T)
    covariance = clipped.T @ clipped / len(clipped) + _NOISE
    values, axes = np.linalg.eigh(covariance)
    return Colours(centre, axes, np.sqrt(values))


def _measure_spread(channels: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Median and 1.4826 MAD of each row of (k, n). The second is always above 0."""
    (centre,) = _find_quantiles(channels.copy(), (0.5,))
    (off,) = _find_quantiles(np.abs(channels - centre[:, None]), (0.5,))
    return centre, np.float32(1.4826) * off + np.float32(0.5)


def _find_quantiles(channels: Float32Array, shares: tuple[float, ...]) -> Float32Array:
    """Quantiles of each row of (k, n), each the nearest sample: (len(shares), k). Reorders the
    rows."""
    places = [round(share * (channels.shape[1] - 1)) for share in shares]
    channels.partition(places, axis=1)
    return np.asarray(channels[:, places].T)


def sample_octants(ring: Mask) -> Places:
    """PER_OCTANT places in each octant of the ring around the middle of the view, in order.

    The number of an octant is 4 right + 2 below + more beside than above or below. An octant
    without ring takes the places of the opposite octant.
    """
    height, width = ring.shape
    places = np.flatnonzero(ring)
    places = places[:: max(1, len(places) // (24 * PER_OCTANT))]
    rows, columns = np.divmod(places, width)
    x, y = (2 * columns + 1 - width) * height, (2 * rows + 1 - height) * width
    octant = (x > 0) * np.uint8(4) + (y > 0) * np.uint8(2) + (np.abs(x) > np.abs(y))
    # The places octant by octant, and last all of them for two opposite octants without ring.
    order = np.concatenate((places[np.argsort(octant, kind="stable")], places))
    counts = np.append(np.bincount(octant, minlength=8), len(places))
    starts = np.cumsum(counts) - counts
    source = np.where(counts[:8] > 0, _OCTANTS, _OPPOSITE)
    source[counts[source] == 0] = 8
    steps = np.arange(PER_OCTANT) * counts[source, None] // PER_OCTANT
    return np.asarray(order[(starts[source, None] + steps).ravel()])


def find_tails(samples: Float32Array, often: float) -> Float32Array:
    """The tails of (n, k) samples of sample_octants(): the quantiles RARE, 1 - often, often and
    1 - RARE, (4, k).

    A part of the defect may lie in the ring, such as a scratch that leaves a spot. It is on one
    side only. Texture, such as wood, is on both sides. So if the tail of all samples is more than
    ONE_SIDED times the tail that two opposite octants have, the latter counts.
    """
    shares = RARE, 1 - often, often, 1 - RARE
    tails = _find_quantiles(samples.T.copy(), shares)
    octants = np.ascontiguousarray(samples.T).reshape(-1, 8, PER_OCTANT)
    low, high = octants.min(axis=2), octants.max(axis=2)
    low = np.maximum(low, low[:, _OPPOSITE]).min(axis=1)
    high = np.minimum(high, high[:, _OPPOSITE]).max(axis=1)
    for rare, usual, both in ((0, 1, low), (3, 2, high)):
        one_sided = np.abs(tails[rare]) > ONE_SIDED * np.maximum(np.abs(both), 1.0)
        if one_sided.any():
            tails[rare, one_sided] = both[one_sided]
            limit = np.abs(tails[rare])
            np.clip(tails[usual], -limit, limit, out=tails[usual])
    return tails


def thin_out(samples: Places) -> Places:
    """About SAMPLES of the samples."""
    return samples[:: max(1, len(samples) // SAMPLES)]
