"""Creates frames with their numbers and times."""

from inspector.core.arrays import Image, freeze
from inspector.core.clock import now_ns, utc_at, utc_now
from inspector.core.types import BadFrame, Cause, Frame


class Numbering:
    """Numbers frames from 0. Call it right after the grab, because it reads the clock.

    captured_ns: monotonic time at which the frame arrived; None: now.
    """

    def __init__(self, source_id: str) -> None:
        self._source_id = source_id
        self._next = 0

    @property
    def count(self) -> int:
        return self._next

    def frame(
        self,
        image: Image,
        pts_s: float | None = None,
        name: str | None = None,
        *,
        captured_ns: int | None = None,
    ) -> Frame:
        """image: (H, W, 3) uint8 BGR. It becomes read-only; no other code may write to it."""
        return Frame(
            frame_id=self._next_id(),
            source_id=self._source_id,
            image=freeze(image),
            captured_ns=now_ns() if captured_ns is None else captured_ns,
            pts_s=pts_s,
            wall_time_utc=utc_now() if captured_ns is None else utc_at(captured_ns),
            name=name,
        )

    def bad(
        self,
        error: str,
        image: Image | None = None,
        pts_s: float | None = None,
        name: str | None = None,
        *,
        cause: Cause = Cause.DECODE,
        captured_ns: int | None = None,
    ) -> BadFrame:
        return BadFrame(
            frame_id=self._next_id(),
            source_id=self._source_id,
            error=error,
            captured_ns=now_ns() if captured_ns is None else captured_ns,
            pts_s=pts_s,
            wall_time_utc=utc_now() if captured_ns is None else utc_at(captured_ns),
            name=name,
            image=None if image is None else freeze(image),
            cause=cause,
        )

    def _next_id(self) -> int:
        number = self._next
        self._next += 1
        return number
