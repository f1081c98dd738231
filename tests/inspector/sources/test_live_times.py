"""The times of live frames: silence is noticed in time, and no old frame looks fresh."""

import socket
import time
from itertools import islice

import cv2
import pytest
from network_rig import JPEG_STREAM, jpeg_part, open_url
from source_clips import moving, transport_stream
from stream_servers import HttpServer, RtspServer

from inspector.core.clock import now_ns
from inspector.core.types import BadFrame, Cause, Frame

LIMIT_S = 0.6
PAUSE_S = 0.4


def age_s(frame: Frame | BadFrame) -> float:
    return (now_ns() - frame.captured_ns) / 1e9


@pytest.mark.parametrize("server_type", [HttpServer, RtspServer])
def test_silence_is_noticed_after_the_read_timeout_and_the_last_picture_is_stale(server_type):
    with server_type(transport_stream(400), silent_after=60_000) as server:
        source = open_url(server.url, read_timeout_s=LIMIT_S)
        last = time.monotonic()
        while isinstance(frame := source.read(), Frame):
            last = time.monotonic()
        noticed_s = time.monotonic() - last
        source.close()
    assert LIMIT_S * 0.9 < noticed_s < LIMIT_S + 0.4
    assert frame.cause is Cause.STALE
    assert LIMIT_S * 0.9 < age_s(frame) < LIMIT_S + 0.4


class PausingServer(HttpServer):
    """Pauses in the middle, and then sends the rest."""

    def send_media(self, peer: socket.socket) -> None:
        middle = len(self._media) // 2 // 188 * 188
        peer.sendall(self._media[:middle])
        time.sleep(PAUSE_S)
        peer.sendall(self._media[middle:])
        self._stopped.wait()


class PausingCamera(HttpServer):
    """Sends MJPEG without the length of the pictures, so that the end of a picture is known only
    when the next one begins."""

    def serve(self, peer: socket.socket) -> None:
        jpeg = cv2.imencode(".jpg", moving(1)[0])[1].tobytes()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {JPEG_STREAM}\r\n\r\n"
        peer.sendall(head.encode())
        for number in range(60):
            peer.sendall(jpeg_part(jpeg, length=False))
            time.sleep(PAUSE_S if number == 30 else 0.005)
        self._stopped.wait()


@pytest.mark.parametrize("server_type", [PausingServer, PausingCamera])
def test_a_picture_from_before_a_pause_keeps_the_time_of_its_arrival(server_type):
    with server_type(transport_stream(100)) as server:
        source = open_url(server.url, read_timeout_s=3.0)
        ages = [age_s(frame) for frame in islice(iter(source.read, None), 55)]
        source.close()
    old = [age for age in ages if age > PAUSE_S * 0.9]
    assert 1 <= len(old) <= 3
    assert all(age < PAUSE_S + 0.3 for age in old)


def test_a_slow_reader_gets_old_pictures_with_their_old_times():
    with HttpServer(transport_stream(400), pause_s=0.001) as server:
        source = open_url(server.url, read_timeout_s=3.0)
        source.read()
        time.sleep(0.5)
        assert age_s(source.read()) > 0.4
        source.close()


def test_a_connection_that_nobody_read_is_replaced_before_the_first_frame(monkeypatch):
    monkeypatch.setattr("inspector.sources.network._RENEW_S", 0.2)
    with HttpServer(transport_stream(400)) as server:
        source = open_url(server.url)
        time.sleep(0.4)
        frame = source.read()
        assert server.connections == 2
        assert age_s(frame) < 0.2
        assert source.reconnects == 0
        source.close()
