"""Finds the shift between two views of a moving web to a part of a pixel.

The fine step is a least-squares fit of the shift (Lucas and Kanade, IJCAI 1981, section 4, for a
pure translation).
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.tracking.coarse_search import LEAST_OVERLAP, Peak, Spectrum, find_peaks
from inspector.tracking.view import Grey, View

_LEAST_CORRELATION: Final = 0.2
_LEAST_STRENGTH: Final = 5.0
"""Height of a peak over the usual values of the correlation, in standard deviations."""

_SIMILAR: Final = 0.8
"""A peak with at least this share of the best one's strength may be the true one."""

_ALIKE: Final = 0.85
"""A peak with at least this share of the best one's correlation may be the true one, too, if its
overlap is small: a texture that repeats fits as well after a whole period."""

_SAFE_RATIO: Final = 0.6
"""The best of several similar peaks leaves at most this share of the residual of the second."""

_AS_GOOD: Final = 1.3
"""Below 1 / _SAFE_RATIO, so that no other shift of a texture that repeats is confirmed."""

_MOST_FINE: Final = 4
"""Peaks that are fitted."""

_MOST_COLUMNS: Final = 320
_COMPARED_COLUMNS: Final = 160
"""Columns of the fine view, in its middle, that a fit and a comparison use."""

_ITERATIONS: Final = 8


@dataclass(frozen=True, slots=True)
class Shift:
    """Position of the new view in the reference, in fine pixels: new[r, c] shows what
    reference[r - rows, c - columns] showed. u: standard uncertainty of each. correlation: of the
    overlap at this shift, -1..1. is_clear: no other shift fits nearly as well."""

    rows: float
    columns: float
    u: float
    correlation: float
    is_clear: bool = True


def find_shift(
    reference: View,
    spectra: tuple[Spectrum, Spectrum],
    current: View,
    factor: int,
    prediction: tuple[float, float] | None,
) -> Shift | None:
    """The shift of the current view against the reference; None if no shift is safe.

    spectra: of both views. factor: fine pixels per coarse pixel. prediction: rows and tolerance in
    coarse pixels, from the last speed; None if unknown. A peak that is much stronger than all
    others is taken. Otherwise the peaks are compared in the fine views. If they are similar there,
    too, as with a texture that repeats, the peak at the prediction is taken.
    """
    peaks, usual = find_peaks(*spectra)
    if not peaks:
        return None
    rivals = [
        p
        for p in peaks
        if p.strength >= _SIMILAR * peaks[0].strength
        or p.correlation >= _ALIKE * peaks[0].correlation
    ]
    strong = peaks[0].strength >= _LEAST_STRENGTH * usual
    if len(rivals) == 1 and strong and peaks[0].correlation >= _LEAST_CORRELATION:
        return refine_shift(reference, current, rivals[0], factor)
    shifts, others = _fine_shifts(reference, current, peaks, factor)
    if not shifts:
        return None
    best = 1 - shifts[0].correlation
    others += [(shift.rows, shift.correlation) for shift in shifts[1:]]
    far = [c for rows, c in others if abs(rows - shifts[0].rows) > 2 * factor]
    if best < 1 - _LEAST_CORRELATION and (not far or best <= _SAFE_RATIO * (1 - max(far))):
        return shifts[0]
    if prediction is None:
        return None
    rows, tolerance = (factor * value for value in prediction)
    similar = [s for s in shifts if 1 - s.correlation <= best / _SAFE_RATIO]
    return _nearest(similar, rows, tolerance)


def confirm_shift(
    reference: View, current: View, rows: float, factor: int, residual: float
) -> Shift | None:
    """The shift near a predicted one, in fine pixels along the web, if it fits as well as earlier
    shifts did: it leaves at most a little more than `residual` (1 - correlation) of the picture."""
    if abs(rows) > (1 - LEAST_OVERLAP) * len(reference.fine):
        return None
    peak = Peak(round(rows / factor), 0, 0.0, 0.0, by_phase=False)
    shift = refine_shift(reference, current, peak, factor)
    if shift is None or 1 - shift.correlation > _AS_GOOD * residual:
        return None
    return shift


def correlation_at(reference: View, current: View, rows: float, factor: int) -> float:
    """Correlation of the fine views at a shift along the web in fine pixels, without a fit; 0 if
    they do not overlap enough."""
    if abs(rows) > (1 - LEAST_OVERLAP) * len(reference.fine):
        return 0.0
    peak = Peak(round(rows / factor), 0, 0.0, 0.0, by_phase=False)
    return _fine_correlation((reference, current), peak, factor)


def _fine_shifts(
    reference: View, current: View, peaks: list[Peak], factor: int
) -> tuple[list[Shift], list[tuple[float, float]]]:
    """The shifts at the most promising peaks, the best correlation first, and the rows and the
    correlation of the other peaks, in fine pixels."""
    highest = max(peak.correlation for peak in peaks)
    rivals = [p for p in peaks if p.by_phase or p.correlation >= _SIMILAR * highest]
    views = reference, current
    ranked = [(_fine_correlation(views, peak, factor), peak) for peak in rivals]
    ranked.sort(key=lambda pair: -pair[0])
    shifts: list[Shift] = []
    others: list[tuple[float, float]] = []
    for number, (correlation, peak) in enumerate(ranked):
        shift = refine_shift(reference, current, peak, factor) if number < _MOST_FINE else None
        if shift is None:
            others.append((float(peak.rows * factor), correlation))
        else:
            shifts.append(shift)
    return sorted(shifts, key=lambda shift: -shift.correlation), others


def _nearest(shifts: list[Shift], rows: float, tolerance: float) -> Shift | None:
    """The shift at the prediction, if no other is near it."""
    ordered = sorted(shifts, key=lambda shift: abs(shift.rows - rows))
    nearest, *farther = (abs(shift.rows - rows) for shift in ordered)
    farther = [distance for distance in farther if distance > nearest + 2]
    safe = nearest <= tolerance / 2 and (not farther or farther[0] >= tolerance)
    return replace(ordered[0], is_clear=False) if safe else None


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
