"""Sends HTTP POST requests to one server, with a limit of the time and of the size of an answer."""

import contextlib
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Event, Timer
from typing import Final
from urllib.parse import SplitResult, urlsplit

CONNECT_S: Final = 4.0
_SENDABLE: Final = re.compile("[!-~]*")


@dataclass(frozen=True, slots=True)
class Answer:
    """is_cut: the content is longer than the limit, and only its begin was read."""

    status: int
    headers: Message
    content: bytes
    is_cut: bool


def split_url(url: str) -> SplitResult:
    """Raises ValueError for anything but http or https with a host, and for a user, a fragment, and
    letters that HTTP cannot send."""
    parts = urlsplit(url)
    usable = parts.port is None or parts.port > 0
    if parts.scheme not in ("http", "https") or not (parts.hostname and usable):
        raise ValueError("it is no address of a web server")
    if parts.username is not None or parts.fragment or not _SENDABLE.fullmatch(url):
        raise ValueError("it has a user, a fragment or letters that must be encoded")
    return parts


def check_header(value: str) -> None:
    """Raises ValueError for a value that HTTP cannot send."""
    if not (value.isascii() and value.isprintable()):
        raise ValueError("it has characters that HTTP cannot send")


class HttpPoster:
    """Sends requests on one thread. It follows no redirect, so that secrets stay with this server.

    The connection stays open for the next request. If the server has closed it meanwhile, the
    request is sent again on a new one.

    url: of split_url(). most_bytes: limit of an answer. context: for https; None: the certificates
    of the system.
    """

    def __init__(
        self, url: SplitResult, most_bytes: int, context: ssl.SSLContext | None = None
    ) -> None:
        assert url.hostname is not None
        self._host: str = url.hostname
        self._port = url.port
        self._is_secure = url.scheme == "https"
        self._context = context
        self._target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self._most_bytes = most_bytes
        self._connection: HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._cut, self._stopped = Event(), Event()

    def post(self, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Answer:
        """timeout_s: from the connection to the end of the answer. Raises TimeoutError or
        ConnectionError, whose text has neither the url nor a header."""
        self._cut.clear()
        timer = Timer(timeout_s, self._cut_off)
        timer.daemon = True
        timer.start()
        try:
            was_open = self._connection is not None
            try:
                return self._exchange(body, headers, timeout_s)
            except ConnectionError:
                if not was_open or self._cut.is_set():
                    raise
                self.close()
                return self._exchange(body, headers, timeout_s)
        except (HTTPException, OSError, ValueError) as exc:
            self.close()
            if self._cut.is_set() or isinstance(exc, TimeoutError):
                raise TimeoutError(f"no complete answer within {timeout_s:g} s") from exc
            reason = getattr(exc, "strerror", None) or type(exc).__name__
            raise ConnectionError(f"{self._host} cannot be asked: {reason}") from exc
        finally:
            timer.cancel()

    def stop(self) -> None:
        """Ends a request that waits, and refuses all later ones. May be called on any thread."""
        self._stopped.set()
        self._cut_off()

    def close(self) -> None:
        """Closes the connection. The next request opens a new one."""
        connection, self._connection = self._connection, None
        self._socket = None
        if connection is not None:
            connection.close()

    def _exchange(self, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Answer:
        connection = self._connect(timeout_s)
        connection.request("POST", self._target, body, dict(headers))
        response = connection.getresponse()
        content = response.read(self._most_bytes + 1)
        if self._cut.is_set():
            raise TimeoutError
        is_cut = len(content) > self._most_bytes
        if response.length and not is_cut:
            raise ConnectionError(0, "the answer ends early")
        if is_cut or response.will_close:
            self.close()
        return Answer(response.status, response.headers, content, is_cut)

    def _connect(self, timeout_s: float) -> HTTPConnection:
        if self._connection is None:
            limit_s = min(CONNECT_S, timeout_s)
            if self._is_secure:
                self._connection = HTTPSConnection(
                    self._host, self._port, timeout=limit_s, context=self._context
                )
            else:
                self._connection = HTTPConnection(self._host, self._port, timeout=limit_s)
            self._connection.connect()
            # The connection forgets its socket when the last answer begins.
            self._socket = self._connection.sock
        assert self._socket is not None
        # From here the timer limits the time, so that slow bytes cannot extend it.
        self._socket.settimeout(timeout_s)
        if self._stopped.is_set() or self._cut.is_set():
            raise TimeoutError
        return self._connection

    def _cut_off(self) -> None:
        self._cut.set()
        waiting = self._socket
        if waiting is not None:
            with contextlib.suppress(OSError):  # it is closed already
                # The method of an SSL socket would also change its state, which post() uses.
                socket.socket.shutdown(waiting, socket.SHUT_RDWR)
