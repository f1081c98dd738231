"""Limits what one connection to the web view may take: time, memory and file handles."""

import asyncio
import socket
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS: Final = 64
"""Further connections are closed at once, so that the inspection keeps its file handles."""

REQUEST_S: Final = 10.0
"""A client has this long to send the head of a request."""

READ_S: Final = 10.0
"""A client that takes nothing of an answer for this long is disconnected."""

SEND_BUFFER: Final = 128 * 1024
"""Bytes that the system stores for a client that reads slowly; Linux takes twice as many."""


class LimitedConnection(H11Protocol):  # type: ignore[misc]
    """The HTTP connection of uvicorn with time limits for clients that send or read slowly."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self._head_timer: asyncio.TimerHandle | None = None
        self._read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        # Otherwise the system stores megabytes for a client that reads nothing.
        pipe = transport.get_extra_info("socket")
        pipe.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        # The timer of a slow reader runs as soon as anything waits for it.
        transport.set_write_buffer_limits(high=0)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._await_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._head_timer)
        _cancel(self._read_timer)
        self._head_timer = self._read_timer = None
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        _cancel(self._read_timer)
        self._read_timer = self.loop.call_later(READ_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        _cancel(self._read_timer)
        self._read_timer = None

    def _await_head(self) -> None:
        """The timer runs while no request is answered."""
        if self.cycle is not None and not self.cycle.response_complete:
            _cancel(self._head_timer)
            self._head_timer = None
        elif self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(REQUEST_S, self.transport.abort)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
