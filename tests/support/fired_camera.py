"""A camera that takes a picture only when it is fired."""

import queue

import numpy as np

from inspector.core.arrays import Image, freeze
from inspector.core.clock import now_ns, utc_now
from inspector.core.errors import SourceError
from inspector.core.types import Frame, SourceInfo

PICTURE = freeze(np.full((48, 64, 3), 120, np.uint8))


class FiredCamera:
    """picture: what it sees. is_away: fire() fails. fired: how often fire() was called."""

    def __init__(self) -> None:
        self.info = SourceInfo("fired", live=True, frame_hw=PICTURE.shape[:2])
        self.picture: Image = PICTURE
        self.is_away = False
        self.fired = 0
        self._frames: queue.Queue[Frame | None] = queue.Queue()

    def fire(self) -> None:
        if self.is_away:
            raise SourceError("the camera is away")
        facts = ("fired", self.picture, now_ns(), None, utc_now())
        self._frames.put(Frame(self.fired, *facts))
        self.fired += 1

    def read(self) -> Frame | None:
        return self._frames.get()

    def close(self) -> None:
        self._frames.put(None)
