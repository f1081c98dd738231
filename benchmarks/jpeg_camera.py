"""A camera on loopback that sends JPEG pictures at a steady rate, as an MJPEG stream over HTTP."""

import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import Any, Final, Self

import cv2

from inspector.core.arrays import Image

_BOUNDARY: Final = "picture"


def encode_jpegs(frames: Sequence[Image]) -> list[bytes]:
    return [cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames]


class JpegCamera:
    """Repeats the pictures for every client. url: address. rate: pictures per s."""

    def __init__(self, pictures: Sequence[bytes], rate: float) -> None:
        self._ended = threading.Event()
        handler = _make_handler(pictures, rate, self._ended)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()


def _make_handler(
    pictures: Sequence[bytes], rate: float, ended: threading.Event
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            kind = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"
            self.send_header("Content-Type", kind)
            self.end_headers()
            start_s = time.monotonic()
            for number in count():
                # A picture that is sent late does not delay the pictures after it.
                if ended.wait(max(0.0, start_s + number / rate - time.monotonic())):
                    return
                try:
                    self._send(pictures[number % len(pictures)])
                except OSError:  # the client is gone
                    return

        def _send(self, picture: bytes) -> None:
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}"
            self.wfile.write(head.encode() + b"\r\n\r\n" + picture + b"\r\n")

    return Handler
