"""Shows the live view in a separate process, so that a lost display never ends the inspection."""

import os
import struct
import subprocess
import sys
import threading
from typing import BinaryIO, Final

import numpy as np

from inspector.core.arrays import Image
from inspector.core.channel import Channel
from inspector.core.errors import ConfigError, SinkError
from inspector.module_process import module_path
from inspector.outputs.window import PAUSE

READY: Final = "ready"
"""The first line of the window process, if its window can be opened. Otherwise: the reason."""
HEAD: Final = struct.Struct(">II")
"""Height and width before each picture."""
_START_S: Final = 30.0
_END_S: Final = 2.0


class LiveView:
    """The parent of the window process.

    Xlib and SDL call exit() when the display is lost. That ends only the window process. Pictures
    go through a pipe on a thread: a slow window leaves out pictures and never slows the caller.
    Raises ConfigError if the window cannot be opened.
    """

    def __init__(self, title: str) -> None:
        self._paused = False
        self._pictures: Channel[Image] = Channel(1)
        self._requests: list[str] = []
        self._lock = threading.Lock()
        self._lost = threading.Event()
        self._ready = threading.Event()
        self._problem: str | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "inspector.outputs.window_process", title],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": module_path()},
            start_new_session=True,  # Ctrl-C in the terminal is for the parent only
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for work, pipe in ((self._send, self._process.stdin), (self._hear, self._process.stdout)):
            threading.Thread(target=work, args=(pipe,), name="live view", daemon=True).start()
        self._wait_until_ready()

    @property
    def paused(self) -> bool:
        """The key p switches it. The window shows it; the caller must pause the run."""
        return self._paused

    def show(self, bgr: Image) -> None:
        """bgr: (H, W, 3) uint8; the caller must not change it. Returns at once."""
        self._pictures.put(bgr, drop_oldest=True)

    def poll(self) -> set[str]:
        """The requests since the last call: QUIT, PAUSE or CLOSE of `window`. Raises SinkError if
        the window process has ended."""
        with self._lock:
            requests, self._requests = self._requests, []
        if not requests and self._lost.is_set():
            raise SinkError("the display was lost")
        self._paused ^= requests.count(PAUSE) % 2 == 1
        return set(requests)

    def close(self) -> None:
        """Closes the window. May be called twice."""
        self._pictures.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()  # the display hangs
            self._process.wait()

    def _wait_until_ready(self) -> None:
        if not self._ready.wait(_START_S):
            self._process.kill()
        if self._problem is not None or not self._ready.is_set() or self._lost.is_set():
            self.close()
            raise ConfigError(self._problem or "the window cannot be opened; run without --show")

    def _send(self, pipe: BinaryIO) -> None:
        try:
            with pipe:
                while isinstance(bgr := self._pictures.get(), np.ndarray):
                    pipe.write(HEAD.pack(*bgr.shape[:2]))
                    pipe.write(np.ascontiguousarray(bgr).data)
                    pipe.flush()
        except OSError:
            self._lost.set()

    def _hear(self, pipe: BinaryIO) -> None:
        with pipe:
            for line in pipe:
                word = line.decode().strip()
                if self._ready.is_set():
                    with self._lock:
                        self._requests.append(word)
                else:
                    self._problem = None if word == READY else word
                    self._ready.set()
        self._lost.set()
        self._ready.set()
