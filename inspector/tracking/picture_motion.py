"""Measures the motion of the product from the pictures themselves."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from inspector.core.types import BadFrame, Frame
from inspector.tracking.coarse_search import Spectrum
from inspector.tracking.motion import START, Motion, MotionState, time_s
from inspector.tracking.plane import WebPlane
from inspector.tracking.registration import Shift, confirm_shift, correlation_at, find_shift
from inspector.tracking.view import Grey, View, ViewMaker

_NEW_REFERENCE: Final = 0.25
"""Share of the view. After this shift the frame becomes the new reference. Fewer references mean
fewer small errors that add up, and none while the line stands still."""

_LEAST_CORRELATION: Final = 0.25
"""Of the fine views, at the measured shift."""

_SPEED_U: Final = 0.1
"""Relative standard uncertainty of a way that is continued from the last speed."""

_MOST_ASSUMED: Final = 0.03
"""Share of the view. A continued way with a larger standard uncertainty is unknown."""

_LEAST_U_PX: Final = 0.02
"""Standard uncertainty of every shift in fine pixels, for errors that the fit cannot see."""

_LEAST_PATTERN: Final = 8
_MOST_PATTERN: Final = 32
"""References that the mean picture needs before it is used, and its memory."""


@dataclass(slots=True)
class _Reference:
    """The view with which later views are compared.

    spectrum: made when it is needed. along, across: way since then.
    """

    view: View
    spectrum: Spectrum | None = None
    along: float = 0.0
    across: float = 0.0


class PictureMotion:
    """Compares each frame with a reference frame that shows an overlapping part of the web.

    Dirt on the lens and uneven light do not move with the web. They are removed with the mean of
    the views: the web differs from reference to reference, the pattern does not.
    """

    def __init__(self, plane: WebPlane, *, live: bool) -> None:
        self._maker = ViewMaker(plane)
        self._live = live
        self._reference: _Reference | None = None
        self._last_s: float | None = None
        self._speed: float | None = None
        self._residual: float | None = None
        self._pattern: Grey | None = None
        self._pattern_count = 0
        self._has_moved = False
        self.correlation = 0.0
        """Of the last frame that was compared, for figures."""

    def step(self, frame: Frame | BadFrame, *, usable: bool) -> Motion:
        now = time_s(frame, live=self._live)
        last, self._last_s = self._last_s, now if now is not None else self._last_s
        seconds = None if now is None or last is None else now - last
        image = frame.image if usable else None
        if self._reference is None:
            if image is not None:
                self._set_reference(self._maker.make(image))
            return START
        predicted = self._predict(seconds)
        view = None if image is None else self._maker.make(image)
        shift = None if view is None else self._compare(view, predicted)
        if shift is None or view is None:
            return self._continue(predicted, view)
        return self._accept(shift, view, seconds)

    def _predict(self, seconds: float | None) -> float | None:
        """Way since the last frame at the last speed."""
        if self._speed is None or seconds is None:
            return None
        return self._speed * seconds

    def _compare(self, view: View, predicted: float | None) -> Shift | None:
        reference = self._reference
        assert reference is not None
        clean = self._without_pattern(view)
        shift = None
        if predicted is not None and self._residual is not None:
            rows = -(reference.along + predicted) / self._maker.spacing
            factor, residual = self._maker.factor, self._residual
            shift = confirm_shift(reference.view, clean, rows, factor, residual)
        if shift is None:
            shift = self._search(reference, clean, predicted)
        if shift is None or shift.correlation < _LEAST_CORRELATION:
            return None
        self.correlation = shift.correlation
        return shift

    def _search(self, reference: _Reference, clean: View, predicted: float | None) -> Shift | None:
        """Compares a view with the reference at every shift."""
        if reference.spectrum is None:
            reference.spectrum = Spectrum(reference.view.coarse)
        step = self._maker.spacing * self._maker.factor
        prediction = None
        if predicted is not None:
            tolerance = 2.0 + 3 * _SPEED_U * abs(predicted) / step
            prediction = -(reference.along + predicted) / step, tolerance
        spectra = reference.spectrum, Spectrum(clean.coarse)
        shift = find_shift(reference.view, spectra, clean, self._maker.factor, prediction)
        if shift is not None and shift.is_clear:
            self._residual = 1 - shift.correlation
        return shift

    def _accept(self, shift: Shift, view: View, seconds: float | None) -> Motion:
        reference = self._reference
        assert reference is not None
        spacing = self._maker.spacing
        along, across = -shift.rows * spacing, shift.columns * spacing
        motion = Motion(
            along - reference.along,
            across - reference.across,
            float(np.hypot(shift.u, _LEAST_U_PX)) * spacing,
            MotionState.KNOWN,
        )
        reference.along, reference.across = along, across
        if seconds is not None and seconds > 0:
            self._speed = motion.along / seconds
        self._has_moved = self._has_moved or abs(along) > spacing * self._maker.factor
        if not self._has_moved:
            # Dirt on the lens in front of a web without texture looks like a line that stands.
            motion = Motion(motion.along, motion.across, motion.u, MotionState.ASSUMED)
        if abs(shift.rows) > _NEW_REFERENCE * self._maker.fine_hw[0]:
            self._learn_pattern(view)
            self._set_reference(view)
        return motion

    def _continue(self, predicted: float | None, view: View | None) -> Motion:
        """The motion of a frame that could not be compared."""
        reference = self._reference
        assert reference is not None
        length = self._maker.spacing * self._maker.fine_hw[0]
        along = 0.0 if predicted is None else predicted
        reference.along += along
        u = _SPEED_U * abs(reference.along) + _LEAST_U_PX * self._maker.spacing
        if view is None:  # Nothing is seen, and the next picture corrects the way.
            return Motion(along, 0.0, u, MotionState.ASSUMED)
        if predicted is not None and u <= _MOST_ASSUMED * length and self._may_be(view):
            return Motion(along, 0.0, u, MotionState.ASSUMED)
        self._set_reference(view)
        return Motion(along, 0.0, u, MotionState.UNKNOWN)

    def _may_be(self, view: View) -> bool:
        """Whether a view may be where the last speed predicts it.

        The views before had a texture. If this view has none, it proves nothing. If the texture is
        another one than predicted, the product has moved in another way.
        """
        reference = self._reference
        assert reference is not None
        clean, factor = self._without_pattern(view), self._maker.factor
        texture = float(np.std(clean.fine)) / max(float(np.std(reference.view.fine)), 1e-6)
        if texture < 0.5 or self.correlation < 2 * _LEAST_CORRELATION:
            return True
        rows = -reference.along / self._maker.spacing
        return correlation_at(reference.view, clean, rows, factor) > 0.5 * self.correlation

    def _set_reference(self, view: View) -> None:
        clean = self._without_pattern(view)
        self._reference = _Reference(clean)

    def _learn_pattern(self, view: View) -> None:
        self._pattern_count += 1
        if self._pattern is None:
            self._pattern = view.fine.copy()
            return
        share = 1 / min(self._pattern_count, _MOST_PATTERN)
        self._pattern += share * (view.fine - self._pattern)

    def _without_pattern(self, view: View) -> View:
        if self._pattern is None or self._pattern_count < _LEAST_PATTERN:
            return view
        fine = view.fine - self._pattern
        return self._maker.with_coarse(fine)
