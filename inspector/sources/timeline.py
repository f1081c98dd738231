"""Corrects the times of packets and pictures so that they always rise."""

from fractions import Fraction

import av
from loguru import logger

_LONGEST_S = 12 * 3600


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


class PacketTimes:
    """Shifts the times of packets so that they continue where parts of a file were joined.

    A part begins where the decoding times step back: by any step before a key frame, otherwise by
    more than one period. Smaller steps are rounding errors of a muxer. FFmpeg takes a large step
    back in a transport stream for an overflow of the clock, and adds 26.5 h. So a step forward of
    more than 12 h begins a part too.
    """

    def __init__(self, time_base: Fraction | None) -> None:
        self._longest = round(_LONGEST_S / (time_base or Fraction(1, 90_000)))
        self._shift = 0
        self._period = 1
        self._last_dts: int | None = None
        self.last_pts: int | None = None
        """The latest presentation time so far, in ticks."""

    def correct(self, packet: av.Packet) -> bool:
        """Shifts pts and dts of the packet. True if it is the first packet of another part."""
        joined = False
        if packet.dts is not None:
            packet.dts += self._shift
            if self._last_dts is not None:
                joined = self._is_joint(packet.dts - self._last_dts, key=packet.is_keyframe)
        if packet.pts is not None:
            packet.pts += self._shift
        if joined:
            self._continue(packet)
        self._note(packet)
        return joined

    def _is_joint(self, step: int, *, key: bool) -> bool:
        return step < (0 if key else -self._period) or step > self._longest

    def _continue(self, packet: av.Packet) -> None:
        assert packet.dts is not None
        assert self._last_dts is not None
        shift = self._last_dts + self._period - packet.dts
        if packet.pts is not None and self.last_pts is not None:
            shift = max(shift, self.last_pts + self._period - packet.pts)
            packet.pts += shift
        packet.dts += shift
        self._shift += shift

    def _note(self, packet: av.Packet) -> None:
        if packet.dts is not None:
            if self._last_dts is not None and packet.dts > self._last_dts:
                self._period = packet.dts - self._last_dts
            self._last_dts = packet.dts
        if packet.pts is not None and (self.last_pts is None or packet.pts > self.last_pts):
            self.last_pts = packet.pts
