"""Counts the frames that a camera numbered and that did not arrive."""

from typing import Final

_LARGEST_16: Final = 0xFFFF
_HALF_16: Final = 0x8000


class FrameIds:
    """Compares the number of each frame with that of the frame before.

    GigE Vision numbers frames with 16 bits, from 1 to 65535 and then 1 again, or with 64 bits. USB3
    Vision has 64 bits. A number that is not higher than the one before, except after 65535, means
    that the camera started to count again; then nothing is known to be missing.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._unnumbered = 0

    def count_gap(self, frame_id: int | None) -> int:
        """Number of frames between the frame before and this one. 0 for the first frame.

        frame_id: None for a frame whose number was lost. It is counted when the next number comes.
        """
        if frame_id is None:
            self._unnumbered += 1
            return 0
        last, self._last = self._last, frame_id
        unnumbered, self._unnumbered = self._unnumbered, 0
        if last is None:
            return 0
        step = frame_id - last
        if frame_id < _HALF_16 <= last <= _LARGEST_16:
            # Some cameras use the number 0, which the standard leaves out.
            step += _LARGEST_16 + (frame_id == 0)
        return max(0, step - 1 - unnumbered)
