"""Searches the shift between two views of a moving web in whole coarse pixels.

It is a cross-correlation over all shifts (by FFT, with zero padding), normalised with the energy of
the real overlap of each shift.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.tracking.view import Grey

LEAST_OVERLAP: Final = 0.18
"""Share of the view, along the web. A smaller overlap is not searched."""

_SIDEWAYS: Final = 0.06
"""Largest shift across the web, in shares of the width of the view."""

_MOST_PEAKS: Final = 24
_PHASE_PEAKS: Final = 3


@dataclass(frozen=True, slots=True)
class Peak:
    """A possible shift in coarse pixels (rows, columns). strength: its correlation times the square
    root of the overlap, so that peaks of small overlaps do not win by chance. by_phase: it is a
    peak of the phase correlation."""

    rows: int
    columns: int
    correlation: float
    strength: float
    by_phase: bool


class Spectrum:
    """A coarse view prepared for the correlation with others."""

    def __init__(self, coarse: Grey) -> None:
        height, width = coarse.shape
        self.side = max(1, int(_SIDEWAYS * width))
        self.padded_hw = (
            cv2.getOptimalDFTSize(2 * height),
            cv2.getOptimalDFTSize(width + self.side + 1),
        )
        padded = np.zeros(self.padded_hw, np.float32)
        padded[:height, :width] = coarse
        self.values = cv2.dft(padded, flags=cv2.DFT_COMPLEX_OUTPUT, nonzeroRows=height)
        self.energy = cv2.integral(np.square(coarse), sdepth=cv2.CV_64F)
        self.hw = height, width


def find_peaks(reference: Spectrum, current: Spectrum) -> tuple[list[Peak], float]:
    """The strongest shifts, the best first, and the usual size of the strength elsewhere.

    Half of the peaks come from the spectrum as it is, half from the spectrum with equal amplitudes
    (phase correlation). The first finds smooth textures in noise. The second finds the small
    irregularities of a texture that repeats.
    """
    product = cv2.mulSpectrums(current.values, reference.values, 0, conjB=True)
    amplitude = cv2.magnitude(product[..., 0], product[..., 1])
    amplitude += 1e-3 * float(amplitude.mean()) + 1e-12
    height, width = reference.hw
    reach, side = int(height * (1 - LEAST_OVERLAP)), reference.side
    rows, columns = np.arange(-reach, reach + 1), np.arange(-side, side + 1)
    overlap = (height - np.abs(rows))[:, None] * (width - np.abs(columns))[None]
    share = np.sqrt(overlap / (height * width))
    energy = _overlap_energy(current.energy, rows, columns) * _overlap_energy(
        reference.energy, -rows, -columns
    )
    normalised = _strip(product, rows, columns) / np.sqrt(np.maximum(energy, 1e-12))
    strength = normalised * share
    whitened = _strip(product / amplitude[..., None], rows, columns) / share
    usual = 1.4826 * float(np.median(np.abs(strength)))
    places = dict.fromkeys(_highest(strength, _MOST_PEAKS), False)
    places |= dict.fromkeys(_highest(whitened, _PHASE_PEAKS), True)
    peaks = [
        Peak(int(rows[r]), int(columns[c]), float(normalised[r, c]), float(strength[r, c]), phase)
        for (r, c), phase in places.items()
    ]
    return sorted(peaks, key=lambda peak: -peak.strength), usual


def _strip(
    product: npt.NDArray[np.float32], rows: npt.NDArray[np.int_], columns: npt.NDArray[np.int_]
) -> npt.NDArray[np.float32]:
    """The correlation at the shifts that are searched."""
    flags = cv2.DFT_INVERSE | cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT
    correlation = cv2.dft(product, flags=flags)
    return np.asarray(correlation[rows[:, None], columns[None]], np.float32)


def _highest(strength: npt.NDArray[np.float32], most: int) -> list[tuple[int, int]]:
    """Places of the highest hills, the best first."""
    remaining, places = strength.copy(), []
    for _ in range(most):
        place = np.unravel_index(int(np.argmax(remaining)), remaining.shape)
        row, column = int(place[0]), int(place[1])
        if not remaining[row, column] > 0:
            break
        places.append((row, column))
        _cover_hill(remaining, row)
    return places


def _cover_hill(strength: npt.NDArray[np.float32], row: int) -> None:
    """Removes a peak with its slopes: all rows until the profile along the web rises again."""
    profile = strength.max(axis=1)
    low = high = row
    while low > 0 and profile[low - 1] <= profile[low] and row - low < 40:
        low -= 1
    while high < len(profile) - 1 and profile[high + 1] <= profile[high] and high - row < 40:
        high += 1
    strength[min(low, row - 2 if row >= 2 else 0) : max(high, row + 2) + 1] = -1.0


def _overlap_energy(
    integral: npt.NDArray[np.float64],
    rows: npt.NDArray[np.int_],
    columns: npt.NDArray[np.int_],
) -> npt.NDArray[np.float64]:
    """Energy of the part of a view that overlaps with the other one after each shift."""
    height, width = integral.shape[0] - 1, integral.shape[1] - 1
    top, bottom = np.maximum(rows, 0)[:, None], (height + np.minimum(rows, 0))[:, None]
    left, right = np.maximum(columns, 0)[None], (width + np.minimum(columns, 0))[None]
    whole = integral[bottom, right] - integral[top, right]
    return np.asarray(whole - integral[bottom, left] + integral[top, left])
