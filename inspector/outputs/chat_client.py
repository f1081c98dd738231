"""Asks an OpenAI-compatible server one question at a time, within a limit of time and size."""

import contextlib
import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Event, Timer
from typing import Any, Final
from urllib.parse import urlsplit

from inspector.core.errors import ConfigError, SinkError

CONNECT_S: Final = 4.0
MOST_BYTES: Final = 256 * 1024
"""A longer answer is cut off and refused."""

REFUSED: Final = (400, 413, 415, 422)
"""States of HTTP that refuse this question, so that it is not sent again."""


class RefusedError(SinkError):
    """The server refuses this question, or its answer is not an answer. A new try is useless."""


class ChatClient:
    """Sends chat completions. It follows no redirect, so that the key stays with this server.

    url: such as http://localhost:8000/v1. key: None without one. timeout_s: longest time of one
    question, from the connection to the end of the answer. Raises ConfigError for another url.
    """

    def __init__(self, url: str, key: str | None, timeout_s: float) -> None:
        wrong = ConfigError(
            "explain.vlm.url must look like http://localhost:8000/v1, without user and query; a "
            "key comes from explain.vlm.key_env"
        )
        try:
            parts = urlsplit(url)
            usable = parts.port is None or parts.port > 0
        except ValueError as exc:
            raise wrong from exc
        if parts.scheme not in ("http", "https") or not (parts.hostname and usable):
            raise wrong
        if parts.username is not None or parts.query or parts.fragment:
            raise wrong
        self._parts = parts
        self._key = None if key is None else key.strip()
        if self._key is not None and not (self._key.isascii() and self._key.isprintable()):
            raise ConfigError("explain.vlm.key_env: the key has characters that HTTP cannot send")
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._cut, self._stopped = Event(), Event()

    def ask(self, question: dict[str, Any]) -> str:
        """Returns the text of the answer. Raises RefusedError, or an OSError if a later try can
        succeed."""
        body = json.dumps(question).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        path = f"{self._parts.path.rstrip('/')}/chat/completions"
        with self._connect() as connection:
            try:
                connection.request("POST", path, body, headers)
                response = connection.getresponse()
                content = response.read(MOST_BYTES + 1)
            except (HTTPException, OSError, ValueError) as exc:
                raise self._name_error(exc) from exc
            if self._cut.is_set():
                raise self._name_error(TimeoutError())
            if response.length and len(content) <= MOST_BYTES:
                raise ConnectionError("the answer ends early")
        if response.status in REFUSED:
            raise RefusedError(f"the server refuses the question (HTTP {response.status})")
        if response.status != 200:
            raise ConnectionError(f"the server answers with HTTP {response.status}")
        if len(content) > MOST_BYTES:
            raise RefusedError(f"the answer is longer than {MOST_BYTES} bytes")
        return _find_text(content)

    def stop(self) -> None:
        """Ends a question that waits, and refuses all later ones. May be called on any thread."""
        self._stopped.set()
        self._cut_off()

    def _cut_off(self) -> None:
        self._cut.set()
        waiting = self._socket
        if waiting is not None:
            with contextlib.suppress(OSError):  # it is closed already
                waiting.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def _connect(self) -> Iterator[HTTPConnection]:
        self._cut.clear()
        assert self._parts.hostname is not None
        make = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        limit_s = min(CONNECT_S, self._timeout_s)
        connection = make(self._parts.hostname, self._parts.port, timeout=limit_s)
        timer = Timer(self._timeout_s, self._cut_off)
        timer.daemon = True
        timer.start()
        try:
            try:
                connection.connect()
            except (OSError, ValueError) as exc:  # ValueError: a name that no server can have
                raise self._name_error(exc) from exc
            # The connection forgets its socket when an answer begins.
            self._socket = connection.sock
            # From here the timer limits the time, so that slow bytes cannot extend it.
            self._socket.settimeout(self._timeout_s)
            if self._stopped.is_set() or self._cut.is_set():
                raise TimeoutError("the run ends")
            yield connection
        finally:
            timer.cancel()
            self._socket = None
            connection.close()

    def _name_error(self, exc: Exception) -> OSError:
        """An error for the log, without the question and the key."""
        if self._cut.is_set() or isinstance(exc, TimeoutError):
            return TimeoutError(f"no complete answer within {self._timeout_s:g} s")
        reason = getattr(exc, "strerror", None) or type(exc).__name__
        return ConnectionError(f"{self._parts.hostname} cannot be asked: {reason}")


def _find_text(content: bytes) -> str:
    try:
        answer: Any = json.loads(content)
        text = answer["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError) as exc:
        raise RefusedError("the answer is not a chat completion") from exc
    if not isinstance(text, str):
        raise RefusedError("the answer of the model is no text")
    return text
