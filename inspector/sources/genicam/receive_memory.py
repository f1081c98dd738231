"""Enlarges the memory of a socket in which the kernel holds packets."""

import os
import socket
from pathlib import Path
from typing import Final

from loguru import logger

_PICTURES: Final = 4
_LEAST: Final = 4 << 20


def enlarge_memory(name: str, port: int, payload: int) -> None:
    """Asks for room for four pictures of `payload` bytes, and at least 4 MiB, in the UDP socket
    with this local port.

    Aravis does it with the first frame, which is too late for this frame. It offers no access to
    its socket, so the socket is looked up by its port. name: of the camera, for the warning if the
    kernel allows less than one picture.
    """
    for entry in Path("/proc/self/fd").iterdir():
        try:
            number = os.dup(int(entry.name))
        except OSError:  # closed by another thread
            continue
        try:
            place = socket.socket(fileno=number)
        except OSError:  # not a socket
            os.close(number)
            continue
        with place:
            _enlarge(place, name, port, payload)


def _enlarge(place: socket.socket, name: str, port: int, payload: int) -> None:
    if place.type != socket.SOCK_DGRAM or place.family != socket.AF_INET:
        return
    if place.getsockname()[1] != port:
        return
    wish = min(max(_PICTURES * payload, _LEAST), 1 << 30)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wish)
    # The kernel doubles the value, for its administration of the packets.
    size = place.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    if size < payload:
        logger.warning(
            "{}: the kernel holds packets of {} kB, less than a picture ({} kB), so packets may be "
            "lost: raise net.core.rmem_max",
            *(name, size // 1000, payload // 1000),
        )
