"""Serves the web view on a thread of this process."""

import asyncio
import logging
import socket
import threading
from typing import Final

import uvicorn
from loguru import logger

from inspector.core.errors import ConfigError
from inspector.core.loopback import is_loopback
from inspector.service.line_state import LineView
from inspector.store.database import Store
from inspector.web.app import make_app
from inspector.web.connections import MOST_CONNECTIONS, LimitedConnection
from inspector.web.guard import MOST_HEAD
from inspector.web.options import WebViewOptions, read_secrets

STOP_S: Final = 5.0
"""Time for the thread to end."""

KEEP_ALIVE_S: Final = 5

WAITING_CONNECTIONS: Final = 32


class WebView:
    """The web view of one line. Pages, pictures and the store are handled on its threads.

    options: with a port. Raises ConfigError for options that cannot be used.
    """

    def __init__(self, options: WebViewOptions, store: Store, line: LineView) -> None:
        self._options = read_secrets(options)
        app, self._feeds = make_app(self._options, store, line)
        config = uvicorn.Config(
            app,
            http=LimitedConnection,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            backlog=WAITING_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=MOST_HEAD,
        )
        self._server = uvicorn.Server(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._work, name="web", daemon=True)
        self._socket: socket.socket | None = None
        self._stopping = self._is_reported = False
        self._failure: str | None = None

    @property
    def failure(self) -> str | None:
        """Why the view has ended although nobody stopped it; None if it did not."""
        if self._failure is None and self._thread.ident and not self._stopping:
            return None if self._thread.is_alive() else "the web view has ended"
        return self._failure

    @property
    def port(self) -> int:
        """The port in use; with web.port 0 the system chooses a free one."""
        assert self._socket is not None
        port: int = self._socket.getsockname()[1]
        return port

    def start(self) -> None:
        """Raises ConfigError if the address cannot be used."""
        _send_messages_to_log()
        host, port = self._options.host, self._options.port
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            self._socket = socket.create_server(
                (host, port or 0), family=family, backlog=WAITING_CONNECTIONS
            )
        except OSError as exc:
            reason = exc.strerror or exc
            raise ConfigError(f"web.host, web.port: cannot use {host}:{port}: {reason}") from exc
        self._thread.start()
        logger.info("web view: http://{}:{}", host, self.port)
        if not is_loopback(host):
            logger.warning(
                "web.host {}: the view is sent without encryption; in a network that others use, "
                "put it behind a proxy with TLS",
                host,
            )

    def turn(self) -> None:
        """Writes a line into the log if the view has ended."""
        if self.failure is not None and not self._is_reported:
            self._is_reported = True
            logger.error("{}; inspecting continues", self.failure)

    def stop(self) -> None:
        """Ends the view and its live pictures. May be called twice, and without start()."""
        self._stopping = True
        self._server.should_exit = True
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._feeds.close)
        if self._thread.ident is not None:
            self._thread.join(STOP_S)
        if self._socket is not None:
            self._socket.close()

    def _work(self) -> None:
        try:
            asyncio.run(self._serve())
        except (OSError, RuntimeError) as exc:
            self._failure = f"the web view has failed: {exc}"

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        assert self._socket is not None
        await self._server.serve(sockets=[self._socket])


class _ToLog(logging.Handler):
    """Sends the errors of uvicorn and asyncio to the log of the program."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        logger.opt(exception=error).error("web: {}", record.getMessage())


def _send_messages_to_log() -> None:
    for name in ("uvicorn.error", "asyncio"):
        source = logging.getLogger(name)
        source.setLevel(logging.ERROR)
        source.propagate = False
        if not any(isinstance(handler, _ToLog) for handler in source.handlers):
            source.addHandler(_ToLog())
