"""Calls the sink of one output. After a failure or after its end the sink gets nothing more."""

from collections.abc import Callable
from threading import Lock
from typing import Final, TypeVar

from loguru import logger

from inspector.core.errors import SinkError
from inspector.core.events import VerdictEvent
from inspector.core.protocols import VerdictSink, WaitingSink
from inspector.pipeline.stages import Output

T = TypeVar("T")

ANNOUNCE_GRACE_S: Final = 2.0
"""Time that close() waits for an announce() that has not returned."""


class Receiver:
    """The sink of an output, as long as it is in use.

    announce() runs on the judging thread, the other methods run on the output thread. The lock is
    held while a verdict is sent, so that the sink is not closed during that time. close_sink:
    closes the sink and raises nothing.
    """

    def __init__(self, output: Output, close_sink: Callable[[Output], None]) -> None:
        self.sink = output.sink
        self._output = output
        self._close_sink = close_sink
        self._lock = Lock()
        self._closed = False
        self._failed = False

    def announce(self, event: VerdictEvent) -> None:
        """Sends a verdict, if the sink is in use. Raises SinkError if the output is fatal."""
        assert isinstance(self.sink, VerdictSink)
        with self._lock:
            if self._closed or self._failed:
                return
            try:
                self.sink.announce(event)
            except SinkError as exc:
                self._disable(exc)  # The output thread closes the sink.

    def attempt(self, action: Callable[[], T]) -> T | None:
        """Calls the sink, if it is in use, and returns its result. If it fails, a fatal output ends
        the run and another is disabled."""
        result = None
        if not self._failed and not self._closed:
            try:
                result = action()
            except SinkError as exc:
                self._disable(exc)
        if self._failed:
            self.close()
        return result

    def begin_close(self) -> None:
        """Lets a sink that waits in close() begin to wait."""
        if not self._closed and isinstance(self.sink, WaitingSink):
            self.sink.begin_close()

    def close(self) -> None:
        """Closes the sink when no verdict is being sent. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        if not self._lock.acquire(timeout=ANNOUNCE_GRACE_S):
            logger.error("{} is not closed, because its announce() hangs", self.sink.name)
            return
        self._lock.release()  # From now on announce() sends nothing.
        self._close_sink(self._output)

    def _disable(self, error: SinkError) -> None:
        if self._output.fatal:
            raise error
        logger.warning("{} failed and is disabled for this run: {}", self.sink.name, error)
        self._failed = True
