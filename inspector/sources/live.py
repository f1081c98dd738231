"""Reads a live source in a separate thread and connects again when it breaks."""

from collections.abc import Callable, Iterator
from threading import Event, Lock, Thread
from typing import Protocol

from loguru import logger

from inspector.core.arrays import Image
from inspector.core.channel import END, Channel
from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import SourceError, SourceLost
from inspector.core.types import BadFrame, Frame
from inspector.sources.numbering import Numbering
from inspector.sources.reconnect import Backoff

_JOIN_S = 1.0


class Connection(Protocol):
    """An open live source. Used by one thread only."""

    def grab(self) -> tuple[Image | None, str | None] | None:
        """Returns (picture, None), or (damaged picture or None, error sentence).

        Returns None at the end of the source. Raises SourceLost if it breaks or stays silent.
        """
        ...

    def close(self) -> None: ...


Connect = Callable[[Event], Connection]
"""Opens the source. The event is set when it must stop. Raises SourceError."""


class LiveReader:
    """Reads frames from a connection and replaces the connection when it breaks.

    Frame numbers continue after a reconnect. The delays between attempts follow `backoff`, which
    restarts after each frame. A thread is needed because FFmpeg and camera drivers cannot be
    interrupted while they wait. close() sets `closing`, which the connection checks too. If the
    thread still waits in a library after 1 s, close() returns; the thread ends with its timeout.

    connection: an open connection, or None to open it at the first read.
    """

    def __init__(
        self,
        source_id: str,
        connect: Connect,
        connection: Connection | None,
        backoff: Backoff,
        closing: Event,
    ) -> None:
        self._source_id = source_id
        self._connect = connect
        self._connection = connection
        self._backoff = backoff
        self._numbering = Numbering(source_id)
        # One frame only, so that a slow reader gets no old frames.
        self._frames: Channel[Frame | BadFrame] = Channel(1)
        self._closing = closing
        self._starting = Lock()
        self._thread: Thread | None = None
        self._finished = False
        self._lost: SourceLost | None = None
        self.reconnects = 0

    def read(self) -> Frame | BadFrame | None:
        self._start()
        item = self._frames.get()
        if item is not END:
            return item
        if self._lost is not None and not self._closing.is_set():
            raise self._lost
        if not (self._finished or self._closing.is_set()):
            raise RuntimeError(f"the thread that reads {self._source_id} died")
        return None

    def close(self) -> None:
        self._closing.set()
        self._frames.abort()
        with self._starting:
            if self._thread is None:
                self._drop()
        if self._thread is not None:
            self._thread.join(_JOIN_S)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None and not self._closing.is_set():
                self._thread = Thread(target=self._run, name=f"read {self._source_id}", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        try:
            self._read_until_closed()
            self._finished = True
        finally:
            self._drop()
            self._frames.close()

    def _read_until_closed(self) -> None:
        delays = self._backoff.delays()
        last_ns = now_ns()
        while not self._closing.is_set():
            try:
                if self._connection is None:
                    self._connection = self._connect(self._closing)
                    logger.info("{}: connected", self._source_id)
                grabbed = self._connection.grab()
            except SourceError as exc:
                self._drop()
                if not self._wait(exc, delays, last_ns):
                    return
                continue
            if grabbed is None:
                return
            image, error = grabbed
            if error is None and image is not None:
                self._frames.put(self._numbering.frame(image))
            else:
                self._frames.put(self._numbering.bad(error or "no picture", image))
            delays = self._backoff.delays()
            last_ns = now_ns()

    def _wait(self, exc: SourceError, delays: Iterator[float], last_ns: int) -> bool:
        """Waits for the next attempt. False if the source was closed or the time limit passed."""
        if self._closing.is_set():
            return False
        silent_s = ms_since(last_ns) / 1e3
        give_up_s = self._backoff.give_up_s
        if give_up_s is not None and silent_s > give_up_s:
            self._lost = SourceLost(f"{exc}; given up after {silent_s:.1f} s")
            self._lost.__cause__ = exc
            return False
        delay_s = next(delays)
        self.reconnects += 1
        logger.warning("{}; attempt {} to connect in {:g} s", exc, self.reconnects, delay_s)
        return not self._closing.wait(delay_s)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
