"""The memory of a socket, found by its port."""

import os
import socket

from loguru import logger

from inspector.sources.genicam.receive_memory import enlarge_memory


def test_the_socket_with_the_port_gets_more_memory_and_the_others_stay() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as place,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        for udp in (place, other):
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            udp.bind(("127.0.0.1", 0))
        before = len(os.listdir("/proc/self/fd"))
        enlarge_memory("camera", place.getsockname()[1], 20_000)
        assert len(os.listdir("/proc/self/fd")) == before
        sizes = [udp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) for udp in (place, other)]
    assert sizes[0] >= 2 * 200_000
    assert sizes[1] == 2 * 4096


def test_less_than_a_picture_is_a_warning() -> None:
    lines: list[str] = []
    handle = logger.add(lambda line: lines.append(str(line)), level="WARNING", format="{message}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as place:
        place.bind(("127.0.0.1", 0))
        enlarge_memory("camera", place.getsockname()[1], 1 << 30)
    logger.remove(handle)
    (line,) = lines
    assert "less than a picture (1073741 kB)" in line
    assert "raise net.core.rmem_max" in line
