"""A V4L2 camera through OpenCV, with a read that does not block."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from cv2.utils import logging

from inspector.core.arrays import Image
from inspector.core.errors import SourceError, SourceLost

_DEVICE = re.compile(r"/dev/video(\d+)")


class Capture(Protocol):
    """An open camera. Each call raises SourceLost when the camera is gone."""

    @property
    def frame_hw(self) -> tuple[int, int]: ...

    @property
    def fps(self) -> float | None: ...

    def wait(self, timeout_s: float) -> bool:
        """Whether a frame came in time."""
        ...

    def retrieve(self) -> Image | None:
        """The frame that wait() announced, (H, W, 3) BGR in memory of its own; None where it
        could not be decoded."""
        ...

    def release(self) -> None: ...


class V4l2Capture:
    """index: N of /dev/videoN, as number or text, or that path. frame_hw, fps: asked of the camera,
    which may give others.

    `VideoCapture.read` waits up to 10 s in the driver, and only an environment variable changes
    that; `waitAny`, which OpenCV has for V4L2 alone, takes a timeout, for all but the first frame.
    """

    def __init__(
        self, index: int | str, *, frame_hw: tuple[int, int] | None, fps: float | None
    ) -> None:
        device = Path(f"/dev/video{index}") if str(index).isdigit() else Path(str(index))
        if not device.exists():
            raise SourceError(f"the camera {device} does not exist")
        # Also for links such as those in /dev/v4l/by-id.
        number = _DEVICE.fullmatch(str(device.resolve()))
        if number is None:
            raise SourceError(f"{device} is no camera: those are called /dev/videoN")
        with _quiet():
            # By number: OpenCV 5 opens no V4L2 device by name.
            self._capture = cv2.VideoCapture(int(number[1]), cv2.CAP_V4L2)
        if not self._capture.isOpened():
            self._capture.release()
            raise SourceError(f"the camera {device} cannot be opened: not a camera, or in use")
        self._device = device
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        if frame_hw is not None:
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, frame_hw[1])
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, frame_hw[0])
        if fps is not None:
            self._capture.set(cv2.CAP_PROP_FPS, fps)

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

    def release(self) -> None:
        self._capture.release()


@contextmanager
def _quiet() -> Iterator[None]:
    """OpenCV writes to stderr why a camera does not open; the error says it already."""
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)
