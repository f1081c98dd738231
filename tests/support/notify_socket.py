"""The socket on which a service manager receives the state of a process."""

import contextlib
import socket
import uuid
from collections.abc import Callable, Iterator

LONGEST_S = 60.0

Message = dict[str, str]


class NotifySocket:
    """An abstract socket, or a socket at a path."""

    def __init__(self, path: str | None = None) -> None:
        self.address = path or f"@line-inspector-test-{uuid.uuid4().hex}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address.replace("@", "\0", 1))

    def receive(self) -> Message:
        """Waits for the next message."""
        self._socket.settimeout(LONGEST_S)
        return self._read()

    def wait_for(self, matches: Callable[[Message], bool]) -> Message:
        """Waits for the next message that matches."""
        while not matches(message := self.receive()):
            pass
        return message

    def drain(self) -> list[Message]:
        """The messages that wait."""
        self._socket.setblocking(False)
        messages = []
        with contextlib.suppress(BlockingIOError):
            while True:
                messages.append(self._read())
        return messages

    def _read(self) -> Message:
        lines = self._socket.recv(65536).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def close(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def notify_socket(path: str | None = None) -> Iterator[NotifySocket]:
    manager = NotifySocket(path)
    try:
        yield manager
    finally:
        manager.close()
