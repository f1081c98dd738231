"""Tests the web view over real connections: live pictures, slow and broken clients, and its end."""

import http.client
import itertools
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from desk import FakeLine
from log_lines import warnings_of
from waiting import wait_for

pytest.importorskip("uvicorn", reason="needs the extra web")

from inspector.core.errors import ConfigError
from inspector.store.database import Store
from inspector.web import connections, feeds, guard
from inspector.web.loading import start_web_view
from inspector.web.options import WebViewOptions
from inspector.web.view import WebView

WAIT_S = 20.0
PICTURE = re.compile(rb"(\xff\xd8.*?\xff\xd9)\r\n--picture", re.DOTALL)


@contextmanager
def serve(store: Store, line: FakeLine, **options: Any) -> Iterator[WebView]:
    view = start_web_view(WebViewOptions(port=0, rate_hz=30, **options), store, line)
    try:
        yield view
    finally:
        view.stop()


def connect(view: WebView, text: str = "") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", view.port), WAIT_S)
    client.sendall(text.replace("\n", "\r\n").encode("latin-1"))
    return client


def status_of(view: WebView, path: str = "/api/state") -> int:
    client = http.client.HTTPConnection("127.0.0.1", view.port, timeout=WAIT_S)
    with closing(client):
        client.request("GET", path)
        return client.getresponse().status


def read_all(client: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    data = b""
    try:
        while piece := client.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def read_pictures(client: socket.socket, count: int) -> list[bytes]:
    """The first pictures of a live stream from now on."""
    data = b""
    while len(pictures := PICTURE.findall(data)) < count:
        piece = client.recv(65536)
        assert piece, data[:200]
        data += piece
    return pictures


LIVE = "GET /live/main HTTP/1.1\nHost: localhost\n\n"


def test_live_pictures_follow_the_line_and_end_with_the_view(
    filled_store: Store, line: FakeLine
) -> None:
    with serve(filled_store, line) as view:
        line.show(1)
        with connect(view, LIVE) as client:
            (first,) = read_pictures(client, 1)
            assert line.watched == ["main"]
            line.show(2)
            (second,) = read_pictures(client, 1)
            assert first != second
            view.stop()
            read_all(client)
        assert line.watched == []
        assert view.failure is None


def test_a_camera_is_drawn_once_for_all_viewers_and_not_without_them(
    filled_store: Store, line: FakeLine
) -> None:
    with serve(filled_store, line, max_viewers=3) as view:
        line.show(1)
        clients = [connect(view, LIVE) for _ in range(3)]
        pictures = [read_pictures(client, 1) for client in clients]
        assert pictures[0] == pictures[1] == pictures[2]
        assert line.watched == ["main"]
        assert status_of(view, "/live/main") == 503
        for client in clients:
            client.close()
        wait_for(lambda: line.watched == [])
        with connect(view, LIVE) as client:
            assert read_pictures(client, 1) == pictures[0]


def test_a_viewer_that_does_not_read_is_disconnected(
    filled_store: Store, line: FakeLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "READ_S", 0.3)
    monkeypatch.setattr(connections, "SEND_BUFFER", 4096)
    with serve(filled_store, line, max_viewers=2) as view:
        line.show(1)
        lazy = socket.socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        lazy.settimeout(WAIT_S)
        lazy.connect(("127.0.0.1", view.port))
        lazy.sendall(LIVE.replace("\n", "\r\n").encode())
        with closing(lazy), connect(view, LIVE) as client:
            read_pictures(client, 1)
            wait_for(lambda: status_of(view, "/live/main") == 503)  # both have their places
            numbers = itertools.count(2)

            def is_free() -> bool:
                line.show(next(numbers))
                read_pictures(client, 1)
                return status_of(view, "/live/main") == 200

            wait_for(is_free)
            # The server has cut its connection. The other viewer goes on.
            assert read_all(lazy).startswith(b"HTTP/1.1 200")
            line.show(next(numbers))
            read_pictures(client, 1)


def test_drawing_that_fails_ends_the_picture_with_a_message(
    filled_store: Store, line: FakeLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise RuntimeError("no canvas")

    monkeypatch.setattr(feeds, "encode_jpeg", fail)
    with warnings_of() as warnings, serve(filled_store, line) as view:
        line.show(1)
        with connect(view, LIVE.replace("\n\n", "\nConnection: close\n\n")) as client:
            answer = read_all(client)  # it ends
        assert answer.startswith(b"HTTP/1.1 200")
        assert PICTURE.findall(answer) == []
        assert status_of(view) == 200
        wait_for(lambda: warnings)
    assert warnings[0].startswith("web: no live picture of main")
    assert "RuntimeError: no canvas" in warnings[0]


@pytest.mark.parametrize("head", ["", "GET / HT", "GET / HTTP/1.1\nHost: localhost\nX: "])
def test_a_request_that_does_not_end_is_cut_off(
    filled_store: Store, line: FakeLine, monkeypatch: pytest.MonkeyPatch, head: str
) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 0.2)
    with serve(filled_store, line) as view, connect(view, head) as client:
        sending = threading.Event()

        def drip() -> None:
            while not sending.wait(0.02):
                try:
                    client.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        if head:
            thread.start()
        read_all(client)
        sending.set()
        if head:
            thread.join()
        assert status_of(view) == 200


def test_a_body_that_does_not_arrive_is_refused(
    filled_store: Store, line: FakeLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BODY_S", 0.2)
    head = "POST /api/feedback HTTP/1.1\nHost: localhost\nContent-Length: 100\n\na=1"
    with serve(filled_store, line) as view, connect(view, head) as client:
        assert read_all(client).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "text",
    [
        "\x00\xff\x16\x03\x01rubbish\n\n",
        "GET / HTTP/1.1\n\n",
        "GET / HTTP/1.1\nHost: localhost\nHost: evil.example\n\n",
        "GET / HTTP/1.1\nHost: localhost\nX: " + "y" * 70_000 + "\n\n",
        "GET /" + "x" * 70_000 + " HTTP/1.1\nHost: localhost\n\n",
        "POST /api/feedback HTTP/1.1\nHost: localhost\nContent-Length: 99999999999\n\n",
        "POST /api/feedback HTTP/1.1\nHost: localhost\nContent-Length: x\n\n",
        "POST /login HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\n\nzz\n",
    ],
)
def test_rubbish_is_refused_and_the_view_lives_on(
    filled_store: Store, line: FakeLine, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(guard, "BODY_S", 0.2)
    monkeypatch.setattr(connections, "REQUEST_S", 0.5)
    with serve(filled_store, line) as view, connect(view, text) as client:
        answer = read_all(client)
        assert answer == b"" or answer[9:12] in (b"400", b"408", b"413", b"421", b"431"), answer[
            :100
        ]
        assert status_of(view) == 200


def test_an_address_adds_no_header(filled_store: Store, line: FakeLine) -> None:
    path = "/history?part=a%0d%0aset-cookie:%20a=1&request=%0d%0aset-cookie:%20a=1"
    head = f"GET {path} HTTP/1.1\nHost: localhost\nConnection: close\n\n"
    with serve(filled_store, line) as view, connect(view, head) as client:
        answer = read_all(client)
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"\r\nset-cookie" not in answer.lower()


def test_the_number_of_connections_is_limited(
    filled_store: Store, line: FakeLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 5)
    with serve(filled_store, line) as view:
        idle = [connect(view) for _ in range(20)]
        for client in idle[5:]:
            assert read_all(client) == b""
        for client in idle:
            client.close()
        wait_for(lambda: status_of_or_none(view) == 200)


def status_of_or_none(view: WebView) -> int | None:
    """None if the connection is refused."""
    try:
        return status_of(view)
    except (ConnectionError, http.client.HTTPException):
        return None


def test_a_port_in_use_is_a_sentence(filled_store: Store, line: FakeLine) -> None:
    with serve(filled_store, line) as view:
        other = WebView(WebViewOptions(port=view.port), filled_store, line)
        with pytest.raises(ConfigError, match=rf"cannot use 127.0.0.1:{view.port}"):
            other.start()
        other.stop()


def test_an_end_of_the_thread_is_a_failure(filled_store: Store, line: FakeLine) -> None:
    with serve(filled_store, line) as view:
        assert view.failure is None
        view._server.should_exit = True
        wait_for(lambda: view.failure is not None)
        assert view.failure == "the web view has ended"


def test_no_thread_and_no_connection_is_left(filled_store: Store, line: FakeLine) -> None:
    before = set(threading.enumerate())
    for _ in range(3):
        with serve(filled_store, line) as view:
            assert status_of(view) == 200
            connect(view).close()
        view.stop()
    wait_for(lambda: set(threading.enumerate()) <= before)
