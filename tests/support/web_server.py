"""An HTTP server on loopback whose answers can be wrong in many ways."""

import gzip
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

_PIECE = 4096


@dataclass
class Page:
    """What the server sends for a path.

    body: bytes, or a function that returns them. ranges: answers Range requests. declared: the
    Content-Length; None: none, "right": the true one. chunked: with chunks, and without the last
    chunk if `cut_after` cuts them. cut_after: number of bytes after which each of the first `cuts`
    connections closes. silent_after: number of bytes after which it sends no more and stays open.
    pause_s: after each piece of `piece` bytes. away: number of requests that are refused with 503.
    """

    body: bytes | Callable[[], bytes]
    type: str = "video/mp4"
    ranges: bool = False
    declared: int | str | None = "right"
    chunked: bool = False
    compressed: bool = False
    cut_after: int | None = None
    cuts: int = 10**9
    silent_after: int | None = None
    pause_s: float = 0.0
    piece: int = _PIECE
    status: int = 200
    away: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[str | None] = field(default_factory=list)


class WebServer:
    """Serves pages by path. A missing path is 404."""

    def __init__(self, pages: dict[str, Page], *, context: Any = None) -> None:
        self.pages = pages
        self.stopped = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(self))
        self._server.daemon_threads = True
        self._scheme = "http" if context is None else "https"
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def url(self, path: str) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}{path}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2)


def _make_handler(server: WebServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            page = server.pages.get(self.path)
            self.close_connection = True
            try:
                if page is None:
                    self.send_error(404)
                else:
                    _answer(self, page, server.stopped)
            except OSError:
                return

    return Handler


def _answer(handler: BaseHTTPRequestHandler, page: Page, stopped: threading.Event) -> None:
    wanted_range = handler.headers.get("Range")
    page.requests.append(wanted_range)
    if page.away > 0:
        page.away -= 1
        handler.send_error(503)
        return
    body = page.body if isinstance(page.body, bytes) else page.body()
    if page.compressed:
        body = gzip.compress(body)
    total, first, status = len(body), 0, page.status
    if page.ranges and wanted_range is not None:
        start, _, end = wanted_range.removeprefix("bytes=").partition("-")
        first, status = int(start), 206
        if first >= total > 0:
            handler.send_error(416)
            return
        body = body[first : int(end) + 1 if end else None]
    handler.send_response(status)
    if status == 206:
        handler.send_header("Content-Range", f"bytes {first}-{first + len(body) - 1}/{total}")
    handler.send_header("Content-Type", page.type)
    if page.compressed:
        handler.send_header("Content-Encoding", "gzip")
    if page.chunked:
        handler.send_header("Transfer-Encoding", "chunked")
    elif page.declared is not None:
        length = len(body) if page.declared == "right" else page.declared
        handler.send_header("Content-Length", str(length))
    for name, value in page.headers.items():
        handler.send_header(name, value)
    handler.send_header("Connection", "close")
    handler.end_headers()
    _send_body(handler, page, body, stopped)


def _send_body(
    handler: BaseHTTPRequestHandler, page: Page, body: bytes, stopped: threading.Event
) -> None:
    limit = len(body)
    if page.cut_after is not None and page.cuts > 0:
        page.cuts -= 1
        limit = min(limit, page.cut_after)
    if page.silent_after is not None:
        limit = min(limit, page.silent_after)
    for at in range(0, limit, page.piece):
        if stopped.is_set():
            return
        piece = body[at : min(at + page.piece, limit)]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if page.chunked else piece)
        if page.pause_s:
            time.sleep(page.pause_s)
    if page.silent_after is not None and limit < len(body):
        stopped.wait(30)
    if page.chunked and limit == len(body):
        handler.wfile.write(b"0\r\n\r\n")
