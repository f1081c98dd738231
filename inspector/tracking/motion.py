"""The motion of the product between frames, and the sources of it that need no picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from inspector.core.errors import ConfigError
from inspector.core.tables import read_number, read_table
from inspector.core.types import BadFrame, Frame

_SAME_S: Final = 1e-6
"""Times that differ less than this are the same row of an encoder file."""


class MotionState(StrEnum):
    """How well a motion is known.

    known: measured. assumed: continued from the last speed, over such a short way that its
    uncertainty is small. unknown: neither; along is the best guess.
    """

    KNOWN = "known"
    ASSUMED = "assumed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Motion:
    """Motion of the product since the previous frame, in units of the web plane (mm or px).

    along: in the direction of `tracking.direction`, negative when the line runs back. across: at
    right angles to it. u: standard uncertainty of each of the two.
    """

    along: float
    across: float
    u: float
    state: MotionState


START: Final = Motion(0.0, 0.0, 0.0, MotionState.KNOWN)
"""The motion before the first frame."""


class MotionSource(Protocol):
    """Gives the motion of the product. A source of another kind, such as an encoder on MQTT or
    Modbus, implements this and gets an entry in MOTIONS."""

    def step(self, frame: Frame | BadFrame, *, usable: bool) -> Motion:
        """The motion since the previous call; START at the first call. Called for every frame in
        order. usable: whether the picture of the frame shows the product at the time of the frame.
        """
        ...


@runtime_checkable
class AbsoluteMotion(Protocol):
    """A source of motion whose positions continue when the program starts again. Optional."""

    @property
    def encoder_mm(self) -> float | None:
        """Position at the last frame; None if it was not known."""
        ...


def time_s(frame: Frame | BadFrame, *, live: bool) -> float | None:
    """Time of a frame on the clock of its source: the time in the file, or of the capture."""
    return frame.captured_ns / 1e9 if live else frame.pts_s


class SpeedMotion:
    """A line that always runs with the same speed.

    speed: units of the web plane per s. u_rel: relative standard uncertainty of the speed.
    """

    def __init__(self, speed: float, *, live: bool, u_rel: float = 0.01) -> None:
        self._speed, self._live, self._u_rel = speed, live, u_rel
        self._last_s: float | None = None
        self._started = False

    def step(self, frame: Frame | BadFrame, *, usable: bool) -> Motion:
        started, self._started = self._started, True
        now, last = time_s(frame, live=self._live), self._last_s
        self._last_s = now if now is not None else last
        if not started:
            return START
        if now is None or last is None:
            return Motion(0.0, 0.0, 0.0, MotionState.UNKNOWN)
        along = self._speed * (now - last)
        return Motion(along, 0.0, self._u_rel * abs(along), MotionState.KNOWN)


class EncoderMotion:
    """Positions of an encoder over time, interpolated.

    times_s: ascending, on the clock of the frames; a live source counts from its first frame.
    positions: along the web, in units of the web plane. us, states: standard uncertainty
    and state of the motion up to each position.
    """

    def __init__(
        self,
        times_s: npt.NDArray[np.float64],
        positions: npt.NDArray[np.float64],
        *,
        live: bool,
        us: npt.NDArray[np.float64],
        states: Sequence[MotionState],
    ) -> None:
        self._times_s, self._positions = times_s, positions
        self._us, self._states, self._live = us, states, live
        self._row = 0
        self._first_s: float | None = None
        self._last: float | None = None
        self._started = False
        self.encoder_mm: float | None = None

    def step(self, frame: Frame | BadFrame, *, usable: bool) -> Motion:
        started, self._started = self._started, True
        position = self.encoder_mm = self._position(time_s(frame, live=self._live))
        last = self._last
        if position is not None:
            self._last = position
        if not started:
            return START
        if position is None or last is None:
            return Motion(0.0, 0.0, 0.0, MotionState.UNKNOWN)
        return Motion(position - last, 0.0, float(self._us[self._row]), self._states[self._row])

    def _position(self, now_s: float | None) -> float | None:
        if now_s is None:
            return None
        if self._first_s is None:
            self._first_s = now_s if self._live else 0.0
        # Rounded like the times in encoder.csv, so that its positions come out exactly.
        at = round(now_s - self._first_s, 9)
        first_s, last_s = self._times_s[0] - _SAME_S, self._times_s[-1] + _SAME_S
        if not first_s <= at <= last_s:
            return None
        self._row = min(int(np.searchsorted(self._times_s, at - _SAME_S)), len(self._times_s) - 1)
        return float(np.interp(at, self._times_s, self._positions))


def read_encoder(path: Path, *, live: bool) -> EncoderMotion:
    """Reads a CSV file with the columns time_s and position_mm. Raises ConfigError.

    Two more columns are optional: u_mm (0 without it) and motion (known, assumed or unknown; known
    without it). The columns are separated as in read_table().
    """
    try:
        rows, separator = read_table(path)
        times, positions = (
            np.array([read_number(row[name], separator) for row in rows])
            for name in ("time_s", "position_mm")
        )
        us = np.array([read_number(row.get("u_mm") or "0", separator) for row in rows])
        states = [MotionState(row.get("motion") or MotionState.KNOWN) for row in rows]
    except OSError as exc:
        raise ConfigError(f"tracking.encoder: {path} cannot be read: {exc.strerror}") from exc
    except (KeyError, TypeError, AttributeError, ValueError) as exc:
        raise ConfigError(
            f"tracking.encoder: {path} must have the columns time_s and position_mm with a number "
            f"in each row: {exc}"
        ) from exc
    if len(times) < 2 or not (np.isfinite(times).all() and np.isfinite(positions).all()):
        raise ConfigError(f"tracking.encoder: {path} needs at least two rows of finite numbers")
    if not (np.diff(times) > 0).all():
        raise ConfigError(f"tracking.encoder: the times in {path} must grow from row to row")
    return EncoderMotion(times, positions, live=live, us=us, states=states)
