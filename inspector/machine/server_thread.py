"""Runs an asyncio server on a thread."""

import asyncio
import socket
from collections.abc import Coroutine
from threading import Thread
from typing import Any, Final, TypeVar

from inspector.core.errors import ConfigError

T = TypeVar("T")

_STOP_S: Final = 5.0


class ServerThread:
    """A thread with an event loop, from its creation until stop()."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = Thread(target=self.loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout_s: float = 120.0) -> T:
        """Runs the coroutine on the thread and returns its result. Raises its errors, and
        TimeoutError."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout_s)

    def stop(self) -> None:
        """Ends the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_STOP_S)
        if not self._thread.is_alive():
            self.loop.close()


def check_address(host: str, port: int, key: str) -> None:
    """Raises ConfigError if this machine cannot listen there: the libraries do not say why."""
    try:
        socket.create_server((host, port)).close()
    except OSError as exc:
        raise ConfigError(f"{key}: cannot listen on {host}:{port}: {exc.strerror or exc}") from exc
