"""Reads a live source in a separate thread and connects again when it breaks."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Protocol

from loguru import logger

from inspector.core.arrays import Image
from inspector.core.channel import END, Channel
from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import SourceError, SourceLost
from inspector.core.types import BadFrame, Cause, Frame, SourceInfo
from inspector.sources.numbering import Numbering
from inspector.sources.reconnect import Backoff

_JOIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Grab:
    """A picture of a live source.

    image: None if there is none. error: why the picture is bad, with its cause; None if it is good.
    captured_ns: monotonic time at which the picture arrived; None: now. late: the source is too far
    behind, so the picture may take the place of an older one that was not read yet.
    """

    image: Image | None
    error: str | None = None
    cause: Cause = Cause.DECODE
    captured_ns: int | None = None
    late: bool = False


class Connection(Protocol):
    """An open live source. Used by one thread only."""

    def grab(self) -> Grab | None:
        """Waits for the next picture. None at the end of the source.

        Raises SourceLost if the source breaks or stays silent.
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

    connection: an open connection, or None to open it at the first read. stale_s: a picture that
    is older when it is grabbed is a BadFrame with the cause `stale`. renew_s: a connection that
    was open for longer before the first read is replaced, because its buffers hold old pictures.
    """

    def __init__(
        self,
        source_id: str,
        connect: Connect,
        connection: Connection | None,
        backoff: Backoff,
        closing: Event,
        *,
        stale_s: float = math.inf,
        renew_s: float = math.inf,
    ) -> None:
        self._source_id = source_id
        self._connect = connect
        self._connection = connection
        self._opened_ns = now_ns()
        self._backoff = backoff
        self._stale_s, self._renew_s = stale_s, renew_s
        self._numbering = Numbering(source_id)
        # One frame only, so that a slow reader gets no old frames.
        self._frames: Channel[Frame | BadFrame] = Channel(1)
        self._closing = closing
        self._starting = Lock()
        self._thread: Thread | None = None
        self._finished = False
        self._lost: SourceLost | None = None
        self.reconnects = 0

    @property
    def dropped(self) -> int:
        """Number of late frames that were not read."""
        return self._frames.dropped

    @property
    def connected(self) -> bool:
        return self._connection is not None

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
            if ms_since(self._opened_ns) > self._renew_s * 1e3:
                self._drop()
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
                grab = self._connection.grab()
            except SourceError as exc:
                self._drop()
                if not self._wait(exc, delays, last_ns):
                    return
                continue
            if grab is None:
                return
            self._frames.put(self._number(grab), drop_oldest=grab.late)
            if grab.cause is not Cause.STALE:
                delays = self._backoff.delays()
                last_ns = now_ns()

    def _number(self, grab: Grab) -> Frame | BadFrame:
        image, error, cause = grab.image, grab.error, grab.cause
        age_s = 0.0 if grab.captured_ns is None else ms_since(grab.captured_ns) / 1e3
        if error is None and age_s > self._stale_s:
            error, cause = f"the picture is {age_s:.1f} s old", Cause.STALE
        if error is None and image is not None:
            return self._numbering.frame(image, captured_ns=grab.captured_ns)
        error = error or "no picture"
        return self._numbering.bad(error, image, cause=cause, captured_ns=grab.captured_ns)

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


class LiveSource:
    """A source whose frames come from a LiveReader. Sources inherit from it."""

    def __init__(self, info: SourceInfo, reader: LiveReader) -> None:
        self._info = info
        self._reader = reader

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def reconnects(self) -> int:
        """Number of attempts so far to connect again."""
        return self._reader.reconnects

    @property
    def connected(self) -> bool:
        """False while it tries to connect."""
        return self._reader.connected

    def read(self) -> Frame | BadFrame | None:
        return self._reader.read()

    def close(self) -> None:
        self._reader.close()
