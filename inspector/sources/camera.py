"""Reads frames of a camera of this machine and opens the camera again if it is lost."""

import math
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

from loguru import logger

from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import SourceLost
from inspector.core.types import SourceInfo
from inspector.sources.live import Grab, LiveReader, LiveSource
from inspector.sources.options import CameraOptions
from inspector.sources.v4l2 import Capture, V4l2Capture
from inspector.sources.v4l2_settings import check_settings

# Interval at which a waiting read checks whether close() was called.
_SLICE_S = 0.2

# Relative difference. Some cameras that are sold with 30 frames per s give 29.97.
_SAME_FPS = 2e-3

OpenCapture = Callable[[], Capture]
"""Raises SourceError."""


class CameraSource(LiveSource):
    """A live source: pts_s is None. A frame that cannot be decoded is a BadFrame. The driver may
    hold old frames after a stall. Each frame has the time at which the driver got it; a frame that
    is older than options.read_timeout_s is a BadFrame with the cause `stale`.

    index: N of /dev/videoN, as number or text, or that path. `info` has the size and the rate that
    the camera gives, and the values of options.camera as they were read back; a warning names a
    size and a rate that differ from the request. With options.reconnect.wait_for_source the
    constructor does not open the camera: read() tries until it opens, and `info` has no size, no
    rate and no settings. open_capture: another way to open the camera. The constructor raises
    SourceError if the camera cannot be opened or does not take a setting, and ConfigError for
    settings that no V4L2 camera has.
    """

    def __init__(
        self,
        index: int | str,
        options: CameraOptions,
        *,
        open_capture: OpenCapture | None = None,
    ) -> None:
        check_settings(options.camera)
        self._name = f"camera {index}"
        self._requested = options.frame_hw, options.fps
        self._actual: tuple[tuple[int, int], float | None] | None = None
        self._settings: Mapping[str, Any] | None = None
        self._read_timeout_s = options.read_timeout_s
        self._open = open_capture or (lambda: V4l2Capture(index, options))
        closing = Event()
        backoff = options.reconnect
        connection = None if backoff.wait_for_source else self._connect(closing)
        actual_hw, actual_fps = self._actual or (None, None)
        super().__init__(
            SourceInfo(
                source_id=self._name,
                live=True,
                frame_hw=actual_hw,
                fps=actual_fps,
                settings=self._settings,
            ),
            LiveReader(
                *(self._name, self._connect, connection, backoff, closing),
                stale_s=self._read_timeout_s,
            ),
        )

    def _connect(self, closing: Event) -> "_Connection":
        capture = self._open()
        self._settings = capture.settings
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
