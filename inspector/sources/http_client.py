"""Sends HTTP requests with a time limit, and can abort them from another thread."""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.client import (
    BadStatusLine,
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
    RemoteDisconnected,
)
from threading import Event, Lock, Timer
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import (
    HTTPBasicAuthHandler,
    HTTPDigestAuthHandler,
    HTTPHandler,
    HTTPPasswordMgrWithDefaultRealm,
    HTTPSHandler,
    OpenerDirector,
    Request,
    build_opener,
)

from inspector.core.clock import now_ns
from inspector.core.errors import SourceError
from inspector.core.secrets import mask_secrets, mask_uri

_AGENT = "line-inspector"

# A source that opens must receive at least this. A player would need more.
_SLOWEST_BYTES_PER_S = 64 * 1024


# A URL may be written with spaces or other letters. What is encoded already stays as it is.
_SAFE = "%/:=&?~#+!$,;'@()*[]"


class Refused(SourceError):
    """The server answered with an error. The same request will give the same answer."""


class OutOfRange(Refused):
    """The file has none of the bytes of the request (status 416)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with an unread body, and the socket from which it is read."""

    response: HTTPResponse
    socket: socket.socket


class HttpClient:
    """Requests of one network source. One thread sends requests, another may abort them.

    url: may contain a user and a password. They are used for Basic and Digest authentication.
    open_timeout_s: for the connection and the header of each answer, together. read_timeout_s:
    longest silence within a body. tls_verify: refuse a certificate that no trusted authority has
    signed.
    """

    def __init__(
        self,
        url: str,
        *,
        open_timeout_s: float,
        read_timeout_s: float,
        tls_verify: bool,
        closing: Event,
    ) -> None:
        self.url, user, password = _split_login(url)
        self.closing = closing
        self._deadline_ns: int | None = None
        self._opening = False
        self._secret_url = url
        self._open_timeout_s = open_timeout_s
        self._read_timeout_s = read_timeout_s
        self._lock = Lock()
        self._sockets: list[socket.socket] = []
        self._opener = self._make_opener(user, password, tls_verify)

    def request(self, url: str, first: int = 0, end: int | None = None) -> Answer:
        """Raises SourceError, and Refused for a status from 400 to 499.

        first, end: bytes of the file, half open; None: to the end. A server may ignore them and
        send the whole file with status 200.
        """
        request = Request(quote(url, safe=_SAFE), headers={"User-Agent": _AGENT})
        # From 0 too, because the answer says whether the server has ranges.
        request.add_header("Range", f"bytes={first}-{'' if end is None else end - 1}")
        try:
            return self._send(request)
        except OutOfRange:
            if first or end is not None:
                raise
        # Some servers refuse every range, also of the whole file.
        request.remove_header("Range")
        return self._send(request)

    def _send(self, request: Request) -> Answer:
        expired = Event()
        timer = Timer(self._open_timeout_s, self._expire, (expired,))
        timer.daemon = True
        timer.start()
        try:
            response = self._opener.open(request, timeout=self._open_timeout_s)
            return Answer(response, self._sockets[-1])
        except (OSError, HTTPException, ValueError) as exc:
            if isinstance(exc, HTTPError):
                exc.close()
                kind = Refused if 400 <= exc.code < 500 else SourceError
                kind = OutOfRange if exc.code == 416 else kind
                raise kind(self.describe(exc, self._open_timeout_s)) from exc
            if expired.is_set():
                exc = TimeoutError()
            raise SourceError(self.describe(exc, self._open_timeout_s)) from exc
        finally:
            timer.cancel()

    def limit_opening(self) -> None:
        """Starts the time limit for the first picture. Received bytes extend it."""
        self._opening = True
        self._deadline_ns = now_ns() + round(self._open_timeout_s * 1e9)

    def restart_opening(self) -> None:
        """Starts the time limit for the first picture again, if it is not there yet."""
        if self._opening:
            self.limit_opening()

    def limit_reading(self, limit_s: float | None) -> None:
        """All reads together may take this long from now. None: only silence is limited."""
        self._opening = False
        self._deadline_ns = None if limit_s is None else now_ns() + round(limit_s * 1e9)

    def note_received(self, size: int) -> None:
        """size: number of bytes. A large index of a file may take longer than the limit."""
        if self._opening and self._deadline_ns is not None:
            self._deadline_ns += round(size / _SLOWEST_BYTES_PER_S * 1e9)

    def is_expired(self) -> bool:
        """True after the time limit for opening or reading."""
        return self._deadline_ns is not None and now_ns() >= self._deadline_ns

    def limit_next_read(self, answer: Answer) -> None:
        """Sets the timeout of the next read of a body. Raises TimeoutError after the deadline."""
        wait_s = self._read_timeout_s
        if self._deadline_ns is not None:
            wait_s = (self._deadline_ns - now_ns()) / 1e9
        if wait_s <= 0:
            raise TimeoutError
        answer.socket.settimeout(max(wait_s, 1e-3))

    def describe(self, exc: Exception, limit_s: float | None = None) -> str:
        """The reason of a failure in a few words, without passwords."""
        if limit_s is None:
            limit_s = self._open_timeout_s if self._opening else self._read_timeout_s
        if isinstance(exc, HTTPError):
            if exc.code in (301, 302, 303, 307, 308):
                return "the server redirects in a loop, or to an address that is not HTTP"
            return f"the server answers with status {exc.code} ({exc.reason})"
        if isinstance(exc, URLError):
            exc = exc.reason if isinstance(exc.reason, Exception) else OSError(exc.reason)
        if isinstance(exc, TimeoutError):
            return f"no answer in {limit_s:g} s"
        if isinstance(exc, IncompleteRead):
            return "the server ended the connection too early"
        if isinstance(exc, BadStatusLine) and not isinstance(exc, RemoteDisconnected):
            return "the answer is not HTTP"
        if isinstance(exc, ssl.SSLCertVerificationError):
            return (
                f"its certificate cannot be trusted ({exc.verify_message}); if you know the "
                "server, set source.tls_verify to false"
            )
        text = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        return mask_secrets(" ".join((text or type(exc).__name__).split()), self._secret_url)

    def abort(self) -> None:
        """Ends every request and read that waits in another thread."""
        with self._lock:
            for each in self._sockets:
                with suppress(OSError):
                    # The method of an SSL socket would also change its state, which the reading
                    # thread uses.
                    socket.socket.shutdown(each, socket.SHUT_RDWR)

    def _expire(self, expired: Event) -> None:
        expired.set()
        self.abort()

    def _note_socket(self, new: socket.socket) -> None:
        with self._lock:
            self._sockets = [old for old in self._sockets if old.fileno() >= 0]
            self._sockets.append(new)
        if self.closing.is_set():
            self.abort()

    def _make_opener(self, user: str | None, password: str, tls_verify: bool) -> OpenerDirector:
        context = ssl.create_default_context()
        if not tls_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        handlers: list[Any] = [
            _Handler(self._note_socket),
            _SecureHandler(self._note_socket, context),
        ]
        if user is not None:
            manager = HTTPPasswordMgrWithDefaultRealm()
            manager.add_password(None, self.url, user, password)
            parts = urlsplit(self.url)
            manager.add_password(None, f"{parts.scheme}://{parts.netloc}/", user, password)
            handlers += [HTTPBasicAuthHandler(manager), HTTPDigestAuthHandler(manager)]
        return build_opener(*handlers)


NoteSocket = Callable[[socket.socket], None]


class _Connection(HTTPConnection):
    def __init__(self, *args: Any, note: NoteSocket, **options: Any) -> None:
        super().__init__(*args, **options)
        self._note = note

    def connect(self) -> None:
        super().connect()
        self._note(self.sock)


class _SecureConnection(_Connection, HTTPSConnection):
    """Its connect() is that of HTTPSConnection, with the note of _Connection."""


class _Handler(HTTPHandler):
    def __init__(self, note: NoteSocket) -> None:
        super().__init__()
        self._note = note

    def http_open(self, req: Request) -> HTTPResponse:
        connection: Any = partial(_Connection, note=self._note)
        return self.do_open(connection, req)


class _SecureHandler(HTTPSHandler):
    def __init__(self, note: NoteSocket, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._note = note
        self._trust = context

    def https_open(self, req: Request) -> HTTPResponse:
        connection: Any = partial(_SecureConnection, note=self._note)
        return self.do_open(connection, req, context=self._trust)


def _split_login(url: str) -> tuple[str, str | None, str]:
    """Returns the URL without login, the user or None, and the password. Raises SourceError."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # The message of Python would show a part of the password.
        raise SourceError(
            f"{mask_uri(url)} is not a valid address; write special characters of user and "
            "password as the URL needs them, such as %2F for / and %40 for @"
        ) from None
    login, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None, ""
    user, _, password = login.partition(":")
    return urlunsplit(parts._replace(netloc=host)), unquote(user), unquote(password)
