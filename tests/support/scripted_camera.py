"""A camera that follows a script."""

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from inspector.core.clock import now_ns
from inspector.core.errors import SourceLost


class ScriptedCapture:
    """A camera with scripted frames: a number is a grey picture, None is a picture that cannot be
    decoded, "silent" means no more frames, "gone" an unplugged camera. After the script: silent."""

    frame_hw = (4, 6)
    fps = 30.0
    settings: Mapping[str, Any] | None = None
    age_s: float | None = None
    """Age of the next pictures; None: the driver gives no time."""

    def __init__(self, *script: int | str | None) -> None:
        self._script: Iterator[int | str | None] = iter(script)
        self._item: int | str | None = None
        self.released = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        if self._item != "silent":
            self._item = next(self._script, "silent")
        if self._item == "gone":
            raise SourceLost("the camera is gone")
        if self._item == "silent":
            self.released.wait(timeout_s)
            return False
        return True

    def retrieve(self) -> np.ndarray | None:
        return None if self._item is None else np.full((4, 6, 3), self._item, np.uint8)

    def captured_ns(self) -> int | None:
        return None if self.age_s is None else now_ns() - round(self.age_s * 1e9)

    def release(self) -> None:
        self.released.set()
