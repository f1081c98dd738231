"""Reads a V4L2 camera through OpenCV, with a timeout."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from cv2.utils import logging

from inspector.core.arrays import Image
from inspector.core.clock import now_ns
from inspector.core.errors import SourceError, SourceLost
from inspector.sources.options import CameraOptions
from inspector.sources.v4l2_settings import write_format, write_settings

# A frame in the queue of a driver cannot be older. Such a time is of another clock.
_OLDEST_NS = 3600 * 10**9

_DEVICE = re.compile(r"/dev/video(\d+)")


class Capture(Protocol):
    """An open camera. Each call raises SourceLost when the camera is gone."""

    @property
    def frame_hw(self) -> tuple[int, int]: ...

    @property
    def fps(self) -> float | None: ...

    @property
    def settings(self) -> Mapping[str, Any] | None:
        """Settings as they were read back; None if none were written."""
        ...

    def wait(self, timeout_s: float) -> bool:
        """Waits for a frame. False if none came in time."""
        ...

    def retrieve(self) -> Image | None:
        """Returns the frame after wait() returned True: a new (H, W, 3) BGR array. None if it
        cannot be decoded."""
        ...

    def captured_ns(self) -> int | None:
        """Monotonic time at which the driver got the frame of the last wait(); None: unknown."""
        ...

    def release(self) -> None: ...


class V4l2Capture:
    """index: N of /dev/videoN, as number or text, or that path. frame_hw and fps of the options are
    requested; a camera may give others. A setting of options.camera that the camera does not take
    is a SourceError.

    `VideoCapture.read` waits up to 10 s in the driver, and only an environment variable changes
    that. `waitAny`, which OpenCV offers only for V4L2, has a timeout. OpenCV ignores that timeout
    for the first frame.
    """

    def __init__(self, index: int | str, options: CameraOptions) -> None:
        device = Path(f"/dev/video{index}") if str(index).isdigit() else Path(str(index))
        if not device.exists():
            raise SourceError(f"the camera {device} does not exist")
        # resolve() follows links such as those in /dev/v4l/by-id.
        number = _DEVICE.fullmatch(str(device.resolve()))
        if number is None:
            raise SourceError(f"{device} is not a camera: name a device such as /dev/video0")
        with _quiet():
            # OpenCV 5 opens a V4L2 device only by its number.
            self._capture = cv2.VideoCapture(int(number[1]), cv2.CAP_V4L2)
        if not self._capture.isOpened():
            self._capture.release()
            raise SourceError(
                f"the camera {device} cannot be opened: it is in use or is not a camera"
            )
        self._device = device
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        write_format(self._capture, options.camera)
        if options.frame_hw is not None:
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, options.frame_hw[1])
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, options.frame_hw[0])
        if options.fps is not None:
            self._capture.set(cv2.CAP_PROP_FPS, options.fps)
        try:
            self.settings = write_settings(self._capture, options.camera, f"camera {device}")
        except SourceError:
            self._capture.release()
            raise

    @property
    def frame_hw(self) -> tuple[int, int]:
        width = self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)
        height = self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        return round(height), round(width)

    @property
    def fps(self) -> float | None:
        return self._capture.get(cv2.CAP_PROP_FPS) or None

    def wait(self, timeout_s: float) -> bool:
        try:
            _, ready = cv2.VideoCapture.waitAny([self._capture], round(timeout_s * 1e9))
        except cv2.error as exc:
            raise SourceLost(f"the camera {self._device} is gone: {exc.err}") from exc
        return len(ready) > 0

    def retrieve(self) -> Image | None:
        try:
            decoded, image = self._capture.retrieve()
        except cv2.error:
            return None
        if not decoded or image is None or image.size == 0:
            return None
        if image.ndim == 2:
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        return np.asarray(image, np.uint8)

    def captured_ns(self) -> int | None:
        # V4L2 drivers give the time of each buffer, nearly all on the monotonic clock.
        return check_time(round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6))

    def release(self) -> None:
        self._capture.release()


def check_time(driver_ns: int) -> int | None:
    """Returns a time of a driver, or None if it is not a recent time of the monotonic clock."""
    age_ns = now_ns() - driver_ns
    return driver_ns if driver_ns > 0 and 0 <= age_ns < _OLDEST_NS else None


def list_devices() -> list[tuple[str, str]]:
    """(path, name) of the V4L2 cameras of this machine, such as ("/dev/video0", "HD camera")."""
    devices = []
    for folder in sorted(Path("/sys/class/video4linux").glob("video*")):
        # The other devices of a camera give metadata, not pictures.
        if (folder / "index").read_text().strip() == "0":
            devices.append((f"/dev/{folder.name}", (folder / "name").read_text().strip()))
    return devices


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences OpenCV, which also writes to stderr when a camera does not open."""
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)
