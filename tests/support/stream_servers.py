"""An HTTP and an RTSP server on loopback that send one MPEG-TS and can be killed."""

import base64
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

_PIECE = 7 * 188
_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 33\r\na=control:track1\r\n"
)


class StreamServer:
    """Sends `media` to every client, with a pause of `pause_s` after every 7 transport packets.

    port: 0 takes a free port. silent_after: number of bytes after which it stays silent and keeps
    the connection open. ends: closes the connection after the last byte; False: it repeats the
    media. login: "user:password" that a client must send.
    """

    def __init__(
        self,
        media: bytes,
        *,
        port: int = 0,
        pause_s: float = 0.004,
        silent_after: int | None = None,
        ends: bool = True,
        login: str | None = None,
    ) -> None:
        self._media = media
        self._pause_s = pause_s
        self._silent_after = silent_after
        self._ends = ends
        self._login = login and "Basic " + base64.b64encode(login.encode()).decode()
        self._stopped = threading.Event()
        self._peers: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self._spawn(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """Cuts every connection and stops listening."""
        self._stopped.set()
        for peer in (self._listener, *self._peers):
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
            peer.close()
        for thread in self._threads:
            thread.join(2)

    def _spawn(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._peers.append(peer)
            self._spawn(self._serve_peer, peer)

    def _serve_peer(self, peer: socket.socket) -> None:
        try:
            self.serve(peer)
        except OSError:
            return
        finally:
            peer.close()

    def serve(self, peer: socket.socket) -> None:
        raise NotImplementedError

    def send_piece(self, peer: socket.socket, piece: bytes) -> None:
        peer.sendall(piece)

    def send_media(self, peer: socket.socket) -> None:
        sent = 0
        while not self._stopped.is_set():
            for at in range(0, len(self._media), _PIECE):
                if self._silent_after is not None and sent >= self._silent_after:
                    self._stopped.wait()
                    return
                piece = self._media[at : at + _PIECE]
                self.send_piece(peer, piece)
                sent += len(piece)
                time.sleep(self._pause_s)
            if self._ends:
                return

    def allowed(self, request: str) -> bool:
        return self._login is None or f"Authorization: {self._login}" in request


def _request(peer: socket.socket) -> str:
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        more = peer.recv(4096)
        if not more:
            raise ConnectionError("closed")
        data += more
    return data.decode()


class HttpServer(StreamServer):
    """Like a camera it sends no length."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/live.ts"

    def serve(self, peer: socket.socket) -> None:
        request = _request(peer)
        if not self.allowed(request):
            peer.sendall(
                b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\n'
                b"Content-Length: 0\r\nConnection: close\r\n\r\n"
            )
            return
        peer.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        self.send_media(peer)


class RtspServer(StreamServer):
    """RTP inside the RTSP connection, payload type 33 (MPEG-TS); RFC 2326 and RFC 2250."""

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/live"

    def serve(self, peer: socket.socket) -> None:
        self._sequence = 0
        while True:
            request = _request(peer)
            method, target, _ = request.split("\r\n", 1)[0].split(" ")
            number = request.split("CSeq: ", 1)[1].split("\r\n", 1)[0]
            if method == "DESCRIBE" and not self.allowed(request):
                _reply(peer, number, status="401 Unauthorized", more=_CHALLENGE)
            elif method == "DESCRIBE":
                _reply(peer, number, more=f"Content-Base: {target}/\r\n", body=_SDP)
            elif method == "SETUP":
                transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
                _reply(peer, number, more=transport + "Session: 1\r\n")
            elif method == "PLAY":
                _reply(peer, number, more="Session: 1\r\nRange: npt=0.000-\r\n")
                self.send_media(peer)
                return
            else:
                _reply(peer, number, more="Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n")

    def send_piece(self, peer: socket.socket, piece: bytes) -> None:
        stamp = int(time.monotonic() * 90_000) & 0xFFFFFFFF
        header = struct.pack(">BBHII", 0x80, 33, self._sequence & 0xFFFF, stamp, 1)
        self._sequence += 1
        peer.sendall(struct.pack(">cBH", b"$", 0, len(header) + len(piece)) + header + piece)


_CHALLENGE = 'WWW-Authenticate: Basic realm="x"\r\n'


def _reply(
    peer: socket.socket, number: str, *, status: str = "200 OK", more: str = "", body: str = ""
) -> None:
    kind = "Content-Type: application/sdp\r\n" if body else ""
    head = f"RTSP/1.0 {status}\r\nCSeq: {number}\r\n{more}{kind}Content-Length: {len(body)}\r\n\r\n"
    peer.sendall((head + body).encode())
