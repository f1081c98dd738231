"""A sender of JSON lines for tests, and a TCP receiver that can be slow, fail and disappear."""

import json
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from inspector.core.schema import Between
from inspector.outputs.outbox import BATCH, QueuedRecord
from inspector.outputs.sender import RemoteOptions

ENTRY = "line_outputs:LineSender"
"""A test adds this to the table OUTPUTS under the kind "lines"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOptions(RemoteOptions):
    port: Annotated[int, Between(1, 65535)]
    only_fail: bool = False


class LineSender:
    """Sends one JSON line per record over TCP, and waits for one answer byte per line."""

    Options: ClassVar[type[RemoteOptions]] = LineOptions
    batch = BATCH

    def __init__(self, options: LineOptions, key: str = "outputs") -> None:
        self._options = options
        self._socket: socket.socket | None = None

    def wants(self, record: Mapping[str, Any]) -> bool:
        """With only_fail, one record for each frame that fails: its `measured` record repeats the
        verdict."""
        if not self._options.only_fail:
            return True
        return record.get("type") == "verdict" and record.get("verdict") == "FAIL"

    def send(self, records: Sequence[QueuedRecord], timeout_s: float) -> None:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._options.port), timeout_s)
        try:
            self._socket.settimeout(timeout_s)
            self._socket.sendall(b"".join(record.body + b"\n" for record in records))
            answered = 0
            while answered < len(records):
                answers = self._socket.recv(4096)
                if not answers:
                    raise ConnectionError("the receiver closed the connection")
                answered += len(answers)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class LineServer:
    """Stores every line that it reads, in order, and then answers it. It serves each connection on
    a separate thread.

    answering: while it is clear, lines are read but not answered. break_after: numbers of lines,
    counted from 1 over all connections; it closes the connection instead of answering them.
    """

    def __init__(self, port: int = 0, break_after: Sequence[int] = ()) -> None:
        self.records: list[dict[str, Any]] = []
        self.answering = threading.Event()
        self.answering.set()
        self.changed = threading.Condition()
        self._break_after = set(break_after)
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops the server. The port then refuses connections."""
        self._stopping.set()
        self._thread.join(5)
        assert not self._thread.is_alive()
        self._listener.close()

    def wait_for(self, count: int, timeout_s: float = 20.0) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: len(self.event_ids) >= count, timeout_s)

    @property
    def event_ids(self) -> list[str]:
        """Each received event_id once, in the order of arrival."""
        return list(dict.fromkeys(record["event_id"] for record in self.records))

    def _serve(self) -> None:
        self._listener.settimeout(0.02)
        readers: list[threading.Thread] = []
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            readers.append(threading.Thread(target=self._read, args=(connection,), daemon=True))
            readers[-1].start()
        for reader in readers:
            reader.join(5)

    def _read(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(0.02)
            self._read_lines(connection)

    def _read_lines(self, connection: socket.socket) -> None:
        waiting = b""
        while not self._stopping.is_set():
            try:
                data = connection.recv(65536)
            except TimeoutError:
                continue
            except ConnectionError:
                return
            if not data:
                return
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                if not self._take(connection, line):
                    return

    def _take(self, connection: socket.socket, line: bytes) -> bool:
        with self.changed:
            self.records.append(json.loads(line))
            self.changed.notify_all()
            if len(self.records) in self._break_after:
                return False
        while not self.answering.wait(0.02):
            if self._stopping.is_set():
                return False
        try:
            connection.sendall(b"+")
        except ConnectionError:
            return False
        return True


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
