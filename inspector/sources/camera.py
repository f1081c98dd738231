"""Frames of a camera of this machine, reached again when it is lost."""

from collections.abc import Callable
from threading import Event

from loguru import logger

from inspector.core.arrays import Image
from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import SourceLost
from inspector.core.types import BadFrame, Frame, SourceInfo
from inspector.sources.live import LiveReader
from inspector.sources.reconnect import Backoff
from inspector.sources.v4l2 import Capture, V4l2Capture

# How often a read looks whether it shall end.
_SLICE_S = 0.2

OpenCapture = Callable[[], Capture]
"""Raises SourceError."""


class CameraSource:
    """live: pts_s is None. index: N of /dev/videoN, or that path.

    frame_hw, fps: asked of the camera, None leaves its own; what it gives is in `info`, with a
    warning where it differs. read_timeout_s: a camera silent for so long counts as lost.
    A frame that cannot be decoded is a BadFrame. open_capture: another way to open the camera.
    """

    def __init__(
        self,
        index: int | str,
        *,
        frame_hw: tuple[int, int] | None,
        fps: float | None,
        read_timeout_s: float,
        backoff: Backoff,
        open_capture: OpenCapture | None = None,
    ) -> None:
        self._name = f"camera {index}"
        self._read_timeout_s = read_timeout_s
        self._open = open_capture or (lambda: V4l2Capture(index, frame_hw=frame_hw, fps=fps))
        closing = Event()
        connection = self._connect(closing)
        given = connection.capture
        if frame_hw is not None and given.frame_hw != frame_hw:
            logger.warning(
                "{} gives {}x{} (height x width), not {}x{}", self._name, *given.frame_hw, *frame_hw
            )
        self._info = SourceInfo(
            source_id=self._name, live=True, frame_hw=given.frame_hw, fps=given.fps
        )
        self._reader = LiveReader(self._name, self._connect, connection, backoff, closing)

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def reconnects(self) -> int:
        """Tries to reach the camera again so far."""
        return self._reader.reconnects

    def read(self) -> Frame | BadFrame | None:
        return self._reader.read()

    def close(self) -> None:
        self._reader.close()

    def _connect(self, closing: Event) -> "_Connection":
        return _Connection(self._name, self._open(), self._read_timeout_s, closing)


class _Connection:
    """One opening of the camera, until it is lost."""

    def __init__(self, name: str, capture: Capture, read_timeout_s: float, closing: Event) -> None:
        self.capture = capture
        self._name = name
        self._read_timeout_s = read_timeout_s
        self._closing = closing

    def grab(self) -> tuple[Image | None, str | None] | None:
        started_ns = now_ns()
        while not self._closing.is_set():
            left_s = self._read_timeout_s - ms_since(started_ns) / 1e3
            if left_s <= 0:
                raise SourceLost(f"{self._name} gave no frame in {self._read_timeout_s:g} s")
            if self.capture.wait(min(left_s, _SLICE_S)):
                image = self.capture.retrieve()
                return image, None if image is not None else "the camera's frame cannot be decoded"
        return None

    def close(self) -> None:
        self.capture.release()
