"""The motion of a line from positions that arrive over the network."""

import math
import weakref
from collections.abc import Callable
from typing import Final, Protocol

from loguru import logger

from inspector.core.types import BadFrame, Frame
from inspector.tracking.motion import START, Motion, MotionState
from inspector.tracking.positions import Place, Positions

_JITTER_S: Final = 0.005
"""Standard uncertainty of the time of a value, because it arrives later than it was measured."""

_SPEED_U: Final = 0.1
"""Relative standard uncertainty of a way that is continued from the last speed."""

_SPEED_U_MEASURED: Final = 0.01
"""The same of a way that is summed up from measured speeds."""

_LEAST_MM: Final = 1e-3
"""Guess for a line that stands. Motion 0 would mean that nothing at all is known."""

Recorder = Callable[[int, float, float, float, str], None]
"""Gets frame_id, time in s since the first frame, position in mm, and the motion up to it: standard
uncertainty in mm, and state."""


class Feed(Protocol):
    """Receives values on a thread, from its creation on.

    measures_speed: its positions are sums of speeds. is_absolute: its positions go on when the
    program starts again.
    """

    name: str
    positions: Positions
    measures_speed: bool

    @property
    def is_absolute(self) -> bool: ...

    def stop(self) -> None:
        """Ends the thread, without waiting for it."""
        ...


class FeedMotion:
    """Interpolates the position of each frame at its capture.

    Where the values give no position, the motion is unknown. When they give one again, the motion
    is unknown once more, but the way is right: it is the whole way since the last known position
    without what was guessed in between.

    record: gets the position of every frame, so that the run can be repeated. encoder_mm: received
    position at the last frame; None if it is not known, or if it begins anew when the program
    starts again.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.record: Recorder | None = None
        self._first_s: float | None = None
        self._last_s = 0.0
        self._place: Place | None = None
        self._guess = 0.0
        self._is_missing = True
        self._position = 0.0
        self.encoder_mm: float | None = None
        weakref.finalize(self, feed.stop)

    def step(self, frame: Frame | BadFrame, *, usable: bool) -> Motion:
        now_s = frame.captured_ns / 1e9
        place = self._feed.positions.at(now_s)
        self._log_change(place, now_s)
        if self._first_s is None:
            self._first_s = now_s
            motion = START
        else:
            motion = self._move(place, now_s - self._last_s)
        self._last_s = now_s
        if place is not None:
            self._place, self._guess = place, 0.0
        self._is_missing = place is None
        self.encoder_mm = None
        if place is not None and self._feed.is_absolute:
            self.encoder_mm = place.position
        # Rounded, so that a file with the positions gives exactly the same motion.
        position = round(self._position + motion.along, 6)
        motion = Motion(position - self._position, 0.0, motion.u, motion.state)
        self._position = position
        if self.record is not None:
            seconds = round(now_s - self._first_s, 9)
            self.record(frame.frame_id, seconds, position, motion.u, motion.state.value)
        return motion

    def _move(self, place: Place | None, seconds: float) -> Motion:
        """The motion since the last frame, `seconds` ago."""
        last = self._place
        if last is None:
            return Motion(0.0, 0.0, 0.0, MotionState.UNKNOWN)
        if place is None or place.segment != last.segment:
            along = max(last.speed * seconds, _LEAST_MM)
            self._guess += along
            return Motion(along, 0.0, _SPEED_U * along, MotionState.UNKNOWN)
        along = place.position - last.position
        if self._is_missing:
            along = max(along - self._guess, _LEAST_MM)
            return Motion(along, 0.0, _SPEED_U * along, MotionState.UNKNOWN)
        u = math.hypot(
            _JITTER_S * place.speed,
            _SPEED_U * place.speed * place.ahead_s,
            _SPEED_U_MEASURED * along if self._feed.measures_speed else 0.0,
        )
        state = MotionState.ASSUMED if place.ahead_s else MotionState.KNOWN
        return Motion(along, 0.0, u, state)

    def _log_change(self, place: Place | None, now_s: float) -> None:
        if place is None and (self._first_s is None or not self._is_missing):
            newest = self._feed.positions.newest_s
            age = "no value yet" if newest is None else f"newest value {now_s - newest:.1f} s old"
            logger.warning("tracking.motion {}: the motion is unknown ({})", self._feed.name, age)
        elif place is not None and self._first_s is not None and self._is_missing:
            logger.info("tracking.motion {}: the motion is known again", self._feed.name)
