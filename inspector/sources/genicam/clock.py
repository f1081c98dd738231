"""Times of the frames of a camera on the monotonic clock of this machine."""

from collections import deque
from typing import Final

_FRAMES: Final = 250


class CameraClock:
    """The offset between the two clocks is the smallest difference between arrival and time of the
    camera in the last 250 frames, because a delay can only make a difference larger.

    So the result has none of the jitter of network and host, and contains the shortest delay. It is
    never after the arrival and never before the frame before. If the camera's clock starts again,
    the offset is measured anew.
    """

    def __init__(self) -> None:
        self._offsets: deque[int] = deque(maxlen=_FRAMES)
        self._last_camera_ns = 0
        self._last_ns = 0

    def captured_ns(self, camera_ns: int, arrival_ns: int) -> int:
        """camera_ns: time on the camera's clock. arrival_ns: monotonic time of the arrival."""
        if camera_ns <= self._last_camera_ns:
            self._offsets.clear()
        self._last_camera_ns = camera_ns
        self._offsets.append(arrival_ns - camera_ns)
        mapped_ns = camera_ns + min(self._offsets)
        self._last_ns = min(arrival_ns, max(mapped_ns, self._last_ns))
        return self._last_ns


class FrameTimes:
    """Estimates the time of a frame without one, because its first packet was lost.

    Such a frame may have waited in a buffer like the frames behind it, so "now" would be after
    their times. The estimate is the shortest interval between two frames after the frame before.
    """

    def __init__(self) -> None:
        self._last_ns = 0
        self._shortest_ns = 0

    def add(self, captured_ns: int) -> None:
        """Takes the time of the next frame that has one."""
        interval_ns = captured_ns - self._last_ns
        if self._last_ns and interval_ns > 0:
            self._shortest_ns = min(self._shortest_ns or interval_ns, interval_ns)
        self._last_ns = captured_ns

    def estimate(self, now_ns: int) -> int:
        """The time of the next frame, which has none; at most now_ns."""
        after_ns = self._last_ns + self._shortest_ns
        self._last_ns = min(now_ns, after_ns) if self._last_ns else now_ns
        return self._last_ns
