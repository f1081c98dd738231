"""Corrects the presentation times of a file so that they always rise."""

from fractions import Fraction

from loguru import logger


class Timeline:
    """Converts times of a file to seconds.

    Correct times do not change and are not shifted to 0, so sound copied from the same file fits.
    A time that is missing or does not rise becomes the previous time plus one frame period. The
    first such frame is logged.

    period_s: duration of one frame, > 0.
    """

    def __init__(self, time_base: Fraction, period_s: Fraction, name: str) -> None:
        self._time_base = time_base
        self._period = max(1, round(period_s / time_base))
        self._name = name
        self._last: int | None = None
        self._warned = False

    def seconds(self, pts: int | None) -> float:
        """pts: ticks of the time base, in order of presentation."""
        return float(self._rising(pts) * self._time_base)

    def _rising(self, pts: int | None) -> int:
        if pts is None or (self._last is not None and pts <= self._last):
            if not self._warned:
                problem = "no time" if pts is None else "a time that does not rise"
                logger.warning(
                    "{}: a frame has {}; its time is set to one frame period after the last frame",
                    *(self._name, problem),
                )
            self._warned = True
            pts = 0 if self._last is None else self._last + self._period
        self._last = pts
        return pts
