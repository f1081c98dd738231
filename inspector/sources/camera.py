"""Reads frames of a camera of this machine and opens the camera again if it is lost."""

import math
from collections.abc import Callable
from threading import Event

from loguru import logger

from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import SourceLost
from inspector.core.types import BadFrame, Frame, SourceInfo
from inspector.sources.live import Grab, LiveReader
from inspector.sources.options import CameraOptions
from inspector.sources.v4l2 import Capture, V4l2Capture

# Interval at which a waiting read checks whether close() was called.
_SLICE_S = 0.2

# Relative difference. Some cameras that are sold with 30 frames per s give 29.97.
_SAME_FPS = 2e-3

OpenCapture = Callable[[], Capture]
"""Raises SourceError."""


class CameraSource:
    """A live source: pts_s is None. A frame that cannot be decoded is a BadFrame. The driver may
    hold old frames after a stall. Each frame has the time at which the driver got it; a frame that
    is older than options.read_timeout_s is a BadFrame with the cause `stale`.

    index: N of /dev/videoN, as number or text, or that path. `info` has the size and the rate that
    the camera gives; a warning names each one that differs from the request. With
    options.reconnect.wait_for_source the constructor does not open the camera: read() tries until
    it opens, and `info` has no size and no rate. open_capture: another way to open the camera. The
    constructor raises SourceError if the camera cannot be opened.
    """

    def __init__(
        self,
        index: int | str,
        options: CameraOptions,
        *,
        open_capture: OpenCapture | None = None,
    ) -> None:
        frame_hw, fps = options.frame_hw, options.fps
        self._name = f"camera {index}"
        self._requested = frame_hw, fps
        self._actual: tuple[tuple[int, int], float | None] | None = None
        self._read_timeout_s = options.read_timeout_s
        self._open = open_capture or (lambda: V4l2Capture(index, frame_hw=frame_hw, fps=fps))
        closing = Event()
        backoff = options.reconnect
        connection = None if backoff.wait_for_source else self._connect(closing)
        actual_hw, actual_fps = self._actual or (None, None)
        self._info = SourceInfo(source_id=self._name, live=True, frame_hw=actual_hw, fps=actual_fps)
        self._reader = LiveReader(
            self._name, self._connect, connection, backoff, closing, stale_s=self._read_timeout_s
        )

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def reconnects(self) -> int:
        """Number of attempts so far to open the camera again."""
        return self._reader.reconnects

    @property
    def connected(self) -> bool:
        """False while it tries to connect."""
        return self._reader.connected

    def read(self) -> Frame | BadFrame | None:
        return self._reader.read()

    def close(self) -> None:
        self._reader.close()

    def _connect(self, closing: Event) -> "_Connection":
        capture = self._open()
        self._warn_of_differences(capture.frame_hw, capture.fps)
        return _Connection(self._name, capture, self._read_timeout_s, closing)

    def _warn_of_differences(self, frame_hw: tuple[int, int], fps: float | None) -> None:
        """Warns once, and again only if the camera gives other values after a reconnect."""
        if self._actual == (frame_hw, fps):
            return
        self._actual = frame_hw, fps
        requested_hw, requested_fps = self._requested
        if requested_hw is not None and frame_hw != requested_hw:
            logger.warning(
                "{} gives frames of {}x{} px (width x height) instead of the requested {}x{}",
                *(self._name, *frame_hw[::-1], *requested_hw[::-1]),
            )
        if requested_fps is None:
            return
        if fps is None:
            logger.warning(
                "{} does not report its frame rate; {:g} frames per s were requested",
                *(self._name, requested_fps),
            )
        elif not math.isclose(fps, requested_fps, rel_tol=_SAME_FPS):
            logger.warning(
                "{} gives {:g} frames per s instead of the requested {:g}",
                *(self._name, fps, requested_fps),
            )


class _Connection:
    """An open camera, used until it is lost."""

    def __init__(self, name: str, capture: Capture, read_timeout_s: float, closing: Event) -> None:
        self.capture = capture
        self._name = name
        self._read_timeout_s = read_timeout_s
        self._closing = closing

    def grab(self) -> Grab | None:
        started_ns = now_ns()
        while not self._closing.is_set():
            left_s = self._read_timeout_s - ms_since(started_ns) / 1e3
            if left_s <= 0:
                raise SourceLost(f"{self._name} gave no frame in {self._read_timeout_s:g} s")
            if self.capture.wait(min(left_s, _SLICE_S)):
                image, captured_ns = self.capture.retrieve(), self.capture.captured_ns()
                error = None if image is not None else "the camera's frame cannot be decoded"
                return Grab(image, error, captured_ns=captured_ns)
        return None

    def close(self) -> None:
        self.capture.release()
