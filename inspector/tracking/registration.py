"""Finds the shift between two views of a moving web.

The coarse search is a cross-correlation over all shifts (by FFT, with zero padding), normalised
with the energy of the real overlap of each shift. The fine step is a least-squares fit of the shift
(Lucas and Kanade, IJCAI 1981, section 4, for a pure translation).
"""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.tracking.view import Grey, View

LEAST_OVERLAP: Final = 0.18
"""Share of the view, along the web. A smaller overlap is not searched."""

_SIDEWAYS: Final = 0.06
"""Largest shift across the web, in shares of the width of the view."""

_LEAST_CORRELATION: Final = 0.2
_LEAST_STRENGTH: Final = 5.0
"""Height of a peak over the usual values of the correlation, in standard deviations."""

_SIMILAR: Final = 0.8
"""A peak with at least this share of the best one's strength may be the true one."""

_SAFE_RATIO: Final = 0.6
"""The best of several similar peaks leaves at most this share of the residual of the second."""

_MOST_PEAKS: Final = 24
_PHASE_PEAKS: Final = 3
_COMPARED_COLUMNS: Final = 160
_MOST_COLUMNS: Final = 320
"""The fit uses this many columns of the fine view, in the middle."""

_ITERATIONS: Final = 8


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


@dataclass(frozen=True, slots=True)
class Shift:
    """Position of the new view in the reference, in fine pixels: new[r, c] shows what
    reference[r - rows, c - columns] showed. u: standard uncertainty of each. correlation: of the
    overlap at this shift, -1..1."""

    rows: float
    columns: float
    u: float
    correlation: float


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


def choose_peak(
    peaks: list[Peak],
    usual: float,
    views: tuple[View, View],
    factor: int,
    prediction: tuple[float, float] | None,
) -> Peak | None:
    """The peak that shows the motion; None if no peak is safe.

    views: reference and current. prediction: rows and its tolerance in coarse pixels, from the last
    speed; None if unknown. A peak that is much stronger than all others is taken. Otherwise the
    peaks are compared in the fine views. If they are similar there, too, as with a texture that
    repeats, the peak at the prediction is taken.
    """
    if not peaks or peaks[0].strength <= 0:
        return None
    rivals = [p for p in peaks if p.strength >= _SIMILAR * peaks[0].strength]
    alone = len(rivals) == 1 and peaks[0].correlation >= _LEAST_CORRELATION
    if alone and peaks[0].strength >= _LEAST_STRENGTH * usual:
        return rivals[0]
    highest = max(peak.correlation for peak in peaks)
    rivals = [p for p in peaks if p.by_phase or p.correlation >= _SIMILAR * highest]
    compared = [(1 - _fine_correlation(views, peak, factor), peak) for peak in rivals]
    compared.sort(key=lambda pair: pair[0])
    best = compared[0][0]
    others = [r for r, peak in compared[1:] if abs(peak.rows - compared[0][1].rows) > 2]
    if best < 1 - _LEAST_CORRELATION and (not others or best <= _SAFE_RATIO * min(others)):
        return compared[0][1]
    if prediction is None:
        return None
    return _nearest([p for r, p in compared if r <= best / _SAFE_RATIO], *prediction)


def _nearest(rivals: list[Peak], rows: float, tolerance: float) -> Peak | None:
    """The peak at the prediction, if no other is near it."""
    ordered = sorted(rivals, key=lambda peak: abs(peak.rows - rows))
    nearest, *farther = (abs(peak.rows - rows) for peak in ordered)
    farther = [distance for distance in farther if distance > nearest + 2]
    safe = nearest <= tolerance / 2 and (not farther or farther[0] >= tolerance)
    return ordered[0] if safe else None


def _fine_correlation(views: tuple[View, View], peak: Peak, factor: int) -> float:
    """Correlation over the overlap of the fine views, at the best shift near a coarse peak."""
    reference, current = (view.fine for view in views)
    shift = _align(reference, current, peak.rows * factor, peak.columns * factor, factor)
    overlap = _overlap(reference, current, *shift)
    return _correlation(*(_middle(part, _COMPARED_COLUMNS) for part in overlap))


def _correlation(first: Grey, second: Grey) -> float:
    norm = float(np.sqrt(np.vdot(first, first) * np.vdot(second, second)))
    return float(np.vdot(first, second)) / max(norm, 1e-9)


def refine_shift(reference: View, current: View, peak: Peak, factor: int) -> Shift | None:
    """The shift to a small part of a fine pixel, or None if the fit leaves the peak."""
    start = _align(reference.fine, current.fine, peak.rows * factor, peak.columns * factor, factor)
    rows, columns = float(start[0]), float(start[1])
    first, second = (
        _middle(part, _MOST_COLUMNS) for part in _overlap(reference.fine, current.fine, *start)
    )
    gradient = _gradients(first)
    moved = np.zeros(2)
    for _ in range(_ITERATIONS):
        aligned = _shifted(second, moved)
        residual = _core(aligned - first).ravel()
        # With the gradient of the other view as well, noise does not make the steps too small.
        design = gradient @ _gradients(aligned).T
        design = (design + design.T) / 2 + np.eye(2) * abs(np.trace(design)) * 1e-4
        if not np.linalg.eigvalsh(design)[0] > 0:
            return None
        change = np.linalg.solve(design, gradient @ residual)
        moved -= change
        if np.abs(moved).max() > 2.5:
            return None
        if np.abs(change).max() < 0.003:
            break
    correlation = _correlation(_core(first), _core(_shifted(second, moved)))
    # Neighbouring residuals are alike after the smoothing: one independent value in about 9.
    spread = np.linalg.inv(design) @ (gradient @ gradient.T) @ np.linalg.inv(design)
    u = math.sqrt(float(np.mean(np.square(residual))) * 9 * float(spread.diagonal().max()))
    return Shift(rows + moved[0], columns + moved[1], u, correlation)


def _align(reference: Grey, current: Grey, rows: int, columns: int, factor: int) -> tuple[int, int]:
    """The best shift in whole fine pixels near a shift of the coarse view."""
    first, second = _overlap(reference, current, rows, columns)
    margin = factor + 1
    height, width = first.shape
    if height <= 2 * margin + 8 or width <= 2 * margin + 8:
        return rows, columns
    tall, wide = min(height - 2 * margin, 192), min(width - 2 * margin, 192)
    top, left = (height - tall) // 2, (width - wide) // 2
    patch = first[top : top + tall, left : left + wide]
    area = second[top - margin : top + tall + margin, left - margin : left + wide + margin]
    scores = cv2.matchTemplate(area, patch, cv2.TM_CCORR_NORMED)
    _, _, _, (x, y) = cv2.minMaxLoc(scores)
    return rows + y - margin, columns + x - margin


def _overlap(reference: Grey, current: Grey, rows: int, columns: int) -> tuple[Grey, Grey]:
    """The same part of the web in both views."""
    height, width = reference.shape
    first = reference[
        max(-rows, 0) : height - max(rows, 0), max(-columns, 0) : width - max(columns, 0)
    ]
    second = current[
        max(rows, 0) : height + min(rows, 0), max(columns, 0) : width + min(columns, 0)
    ]
    return first, second


def _middle(part: Grey, columns: int) -> Grey:
    skipped = max(0, part.shape[1] - columns) // 2
    return np.ascontiguousarray(part[:, skipped : part.shape[1] - skipped])


def _core(grey: Grey) -> Grey:
    return grey[2:-2, 2:-2]


def _gradients(grey: Grey) -> Grey:
    """(2, pixels): derivatives along rows and columns in the core, by central differences."""
    gy, gx = (grey[3:-1, 2:-2] - grey[1:-3, 2:-2]) / 2, (grey[2:-2, 3:-1] - grey[2:-2, 1:-3]) / 2
    return np.stack((gy.ravel(), gx.ravel()))


def _shifted(grey: Grey, by: npt.NDArray[np.float64]) -> Grey:
    """grey at (row + by[0], column + by[1])."""
    matrix = np.array(((1.0, 0.0, -by[1]), (0.0, 1.0, -by[0])))
    size = grey.shape[1], grey.shape[0]
    return np.asarray(
        cv2.warpAffine(grey, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE),
        np.float32,
    )
