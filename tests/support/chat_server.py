"""A real HTTP server on loopback that answers chat completions as a test tells it to."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GOOD = {"kind": "scratch", "confidence": "high", "description": "A thin bright line."}


def completion(content: Any) -> bytes:
    return json.dumps(
        {"choices": [{"message": {"role": "assistant", "content": content}}]}
    ).encode()


class ChatServer:
    """status, body, headers: of the next answers. length: of the body in the header; None: the true
    one. stalls: it sends nothing until release(). trickles: it sends a space about every 20 ms."""

    def __init__(self) -> None:
        self.status, self.body = 200, completion(json.dumps(GOOD))
        self.headers: dict[str, str] = {}
        self.length: int | None = None
        self.stalls = self.trickles = False
        self.questions: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self.waited_out = False  # whether a stalled question was held for all of its 20 s
        self._released = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.handle(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Keeps the output of the tests free of requests."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def stop(self) -> None:
        self.release()
        self._http.shutdown()
        self._thread.join(5)
        self._http.server_close()

    def release(self) -> None:
        self._released.set()

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        size = int(request.headers["Content-Length"])
        self.questions.append(json.loads(request.rfile.read(size)))
        self.paths.append(request.path)
        self.keys.append(request.headers["Authorization"])
        if self.stalls:
            self.waited_out |= not self._released.wait(20)
            return
        request.send_response(self.status)
        for name, value in self.headers.items():
            request.send_header(name, value)
        length = 10_000 if self.trickles else self.length or len(self.body)
        request.send_header("Content-Length", str(length))
        request.end_headers()
        try:
            while self.trickles and not self._released.wait(0.02):
                request.wfile.write(b" ")
            request.wfile.write(self.body)
        except OSError:
            self.trickles = False  # the client has closed the connection
