"""A web server for records on loopback, which answers as a test says."""

import json
import os
import socket
import ssl
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to one request.

    resets: the connection is reset after a half of the answer. stalls: nothing is sent until
    release(). closes: the connection is closed after the answer. body_bytes: length of the answer.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body_bytes: int = 10
    resets: bool = False
    stalls: bool = False
    closes: bool = False

    @property
    def confirms(self) -> bool:
        return self.status == 200 and not (self.resets or self.stalls)


@dataclass(frozen=True, slots=True)
class Received:
    """A request that the server has read completely, and the answer to it."""

    path: str
    headers: dict[str, str]
    records: list[dict[str, Any]]
    reply: Reply


class RecordServer:
    """Confirms every request, unless a reply waits in `replies`, or refuses a record of it.

    refused: event_ids; a request with one of them is answered with the status 400. context: for
    https.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.replies: list[Reply] = []
        self.refused: set[str] = set()
        self.received: list[Received] = []
        self.connections = 0
        self._released = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                server.connections += 1
                super().setup()

            def do_POST(self) -> None:
                server.handle(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Keeps the output of the tests free of requests."""

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that disconnects is no error of the server."""

        self._http = Quiet(("127.0.0.1", 0), Handler)
        if context is not None:
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.port: int = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.release()
        self._http.shutdown()
        self._thread.join(5)
        self._http.server_close()

    def release(self) -> None:
        self._released.set()

    @property
    def confirmed(self) -> list[str]:
        """event_id of each record in a request that was confirmed, in order."""
        confirmed = [each for each in self.received if each.reply.confirms]
        return [record["event_id"] for each in confirmed for record in each.records]

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        text = request.rfile.read(int(request.headers["Content-Length"])).decode()
        is_lines = request.headers["Content-Type"] == "application/x-ndjson"
        content = [json.loads(line) for line in text.splitlines()] if is_lines else json.loads(text)
        records = content if isinstance(content, list) else [content]
        reply = self.replies.pop(0) if self.replies else Reply()
        if self.refused & {record["event_id"] for record in records}:
            reply = Reply(400)
        headers = dict(request.headers.items())
        self.received.append(Received(request.path, headers, records, reply))
        if reply.stalls:
            self._released.wait(20)
            request.close_connection = True
            return
        request.send_response(reply.status)
        for name, value in reply.headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(reply.body_bytes))
        request.end_headers()
        if reply.resets:
            # Closing a socket that lingers for 0 s resets the connection.
            linger = struct.pack("ii", 1, 0)
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            os.close(request.connection.detach())
            return
        request.wfile.write(b"x" * reply.body_bytes)
        request.close_connection = reply.closes
