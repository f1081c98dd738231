"""Frames of a source for work that is slower than the source."""

import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from inspector.core.arrays import Image
from inspector.core.protocols import Source
from inspector.core.types import BadFrame, Frame

_STEP_S: Final = 0.2
"""Between two frames of a video file."""


@dataclass(frozen=True, slots=True)
class TimedImage:
    """name: of the source, with the number of the frame. time_s: on the clock of the source. image:
    (H, W, 3) BGR."""

    name: str
    time_s: float
    image: Image


def sampled_frames(source: Source, seconds: float) -> Iterator[TimedImage]:
    """Undamaged frames. From a live source the newest frame each time, for at most `seconds`, also
    if the source sends nothing. From a file a frame every _STEP_S, up to its end. The caller
    closes the source."""
    if source.info.live:
        yield from _newest_frames(source, seconds)
        return
    next_s = -math.inf
    while (frame := source.read()) is not None:
        if isinstance(frame, Frame) and (frame.pts_s is None or frame.pts_s >= next_s):
            next_s = (frame.pts_s or 0.0) + _STEP_S
            yield _timed(source, frame)


def _timed(source: Source, frame: Frame) -> TimedImage:
    time_s = frame.captured_ns / 1e9 if frame.pts_s is None else frame.pts_s
    return TimedImage(f"{source.info.source_id}#{frame.frame_id}", time_s, frame.image)


def _newest_frames(source: Source, seconds: float) -> Iterator[TimedImage]:
    end = time.monotonic() + seconds
    newest = _Newest(source)
    threading.Thread(target=newest.read_all, daemon=True).start()
    while (left := end - time.monotonic()) > 0:
        frame = newest.take(left)
        if frame is None:
            return
        yield _timed(source, frame)


class _Newest:
    """Reads a source on another thread and holds only its newest frame."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._ended = False
        self._error: OSError | None = None

    def read_all(self) -> None:
        try:
            while (frame := self._source.read()) is not None:
                if not isinstance(frame, BadFrame):
                    with self._changed:
                        self._frame = frame
                        self._changed.notify()
        except OSError as exc:  # SourceLost; raised again on the thread that takes the frames
            self._error = exc
        with self._changed:
            self._ended = True
            self._changed.notify()

    def take(self, timeout_s: float) -> Frame | None:
        """The newest frame that was not taken yet; None at the end and after timeout_s."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._ended, timeout_s)
            if self._frame is None and self._error is not None:
                raise self._error
            frame, self._frame = self._frame, None
            return frame
