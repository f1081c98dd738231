"""Frames of a camera of this machine, reached again when it is lost."""

import math
from collections.abc import Callable
from threading import Event

from loguru import logger

from inspector.core.arrays import Image
from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import SourceLost
from inspector.core.types import BadFrame, Frame, SourceInfo
from inspector.sources.live import LiveReader
from inspector.sources.options import CameraOptions
from inspector.sources.v4l2 import Capture, V4l2Capture

# How often a read looks whether it shall end.
_SLICE_S = 0.2

# Relative difference. A camera of 29.97 frames per s is sold as one of 30.
_SAME_FPS = 2e-3

OpenCapture = Callable[[], Capture]
"""Raises SourceError."""


class CameraSource:
    """live: pts_s is None. index: N of /dev/videoN, as number or text, or that path.

    What the camera gives is in `info`. A warning says where it differs from what was asked. With
    options.reconnect.wait_for_source the constructor does not open the camera, and read() tries
    until the camera is there; `info` then has neither size nor rate. A frame that cannot be decoded
    is a BadFrame. open_capture: another way to open the camera. The constructor raises SourceError
    where the camera cannot be opened.
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
        self._asked = frame_hw, fps
        self._gives: tuple[tuple[int, int], float | None] | None = None
        self._read_timeout_s = options.read_timeout_s
        self._open = open_capture or (lambda: V4l2Capture(index, frame_hw=frame_hw, fps=fps))
        closing = Event()
        backoff = options.reconnect
        connection = None if backoff.wait_for_source else self._connect(closing)
        gives_hw, gives_fps = self._gives or (None, None)
        self._info = SourceInfo(source_id=self._name, live=True, frame_hw=gives_hw, fps=gives_fps)
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
        capture = self._open()
        self._warn_of_differences(capture.frame_hw, capture.fps)
        return _Connection(self._name, capture, self._read_timeout_s, closing)

    def _warn_of_differences(self, frame_hw: tuple[int, int], fps: float | None) -> None:
        """Once, and again only where the camera gives something else after a reconnect."""
        if self._gives == (frame_hw, fps):
            return
        self._gives = frame_hw, fps
        asked_hw, asked_fps = self._asked
        if asked_hw is not None and frame_hw != asked_hw:
            logger.warning(
                "{} gives frames of {}x{} px (width x height), not the {}x{} that were asked of it",
                *(self._name, *frame_hw[::-1], *asked_hw[::-1]),
            )
        if asked_fps is None:
            return
        if fps is None:
            logger.warning(
                "{} does not say its frame rate; {:g} frames per s were asked of it",
                *(self._name, asked_fps),
            )
        elif not math.isclose(fps, asked_fps, rel_tol=_SAME_FPS):
            logger.warning(
                "{} gives {:g} frames per s, not the {:g} that were asked of it",
                *(self._name, fps, asked_fps),
            )


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
