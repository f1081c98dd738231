"""Tests of an output whose receiver, sender or outbox fails."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from line_outputs import LineOptions, LineSender, LineServer, free_port
from output_parts import run_info
from queued_outputs import join_worker, open_output, options, put, threads

from inspector.core.errors import SinkError
from inspector.outputs.outbox import Outbox, QueuedRecord
from inspector.outputs.queued import QueuedOutput


def test_a_receiver_that_hangs_does_not_delay_the_end(tmp_path: Path) -> None:
    server = LineServer()
    server.answering.clear()
    output = open_output(tmp_path, server.port, drain_s=0.1, timeout_s=0.2)
    put(output, 0, 3)
    assert server.wait_for(1)
    closing = threading.Thread(target=output.close)
    closing.start()
    closing.join(5)
    assert not closing.is_alive()
    assert threads() == []
    server.stop()
    left = Outbox(tmp_path / "line", max_bytes=10**6, when_full="stop")
    assert left.waiting == 3
    left.close()


class Stuck:
    """A sender that exceeds the time limit of send() until it is released."""

    batch = 100

    def __init__(self) -> None:
        self.began, self.released = threading.Event(), threading.Event()

    def wants(self, record: Mapping[str, Any]) -> bool:
        return True

    def send(self, records: Sequence[QueuedRecord], timeout_s: float) -> None:
        self.began.set()
        assert self.released.wait(20)

    def close(self) -> None:
        """Does nothing."""


def test_a_sender_that_exceeds_its_time_limit_does_not_delay_the_end(
    tmp_path: Path, messages: list[str]
) -> None:
    sender = Stuck()
    output = open_output(tmp_path, 1, sender, drain_s=0.0, timeout_s=0.05)
    put(output, 0, 1)
    assert sender.began.wait(5)
    output.close()
    assert any("did not end" in line for line in messages)
    sender.released.set()
    join_worker()
    Outbox(tmp_path / "line", max_bytes=10**6, when_full="stop").close()


class BrokenOutput(Stuck):
    def send(self, records: Sequence[QueuedRecord], timeout_s: float) -> None:
        self.began.set()
        raise KeyError("topic")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_in_a_sender_is_raised_and_loses_no_record(tmp_path: Path) -> None:
    output = open_output(tmp_path, 1, BrokenOutput())
    put(output, 0, 1)
    join_worker()
    with pytest.raises(SinkError, match=r"output line failed: KeyError\('topic'\)"):
        put(output, 1, 2)
    with pytest.raises(SinkError, match="KeyError"):
        output.close()
    assert output.counts()["waiting"] == 1


class BrokenClose(LineSender):
    def close(self) -> None:
        super().close()
        raise ConnectionResetError("the receiver closed the connection first")


def test_a_connection_that_cannot_be_closed_is_a_warning(
    tmp_path: Path, messages: list[str]
) -> None:
    server = LineServer()
    sender = BrokenClose(LineOptions(kind="lines", port=server.port))
    output = open_output(tmp_path, server.port, sender)
    event_ids = put(output, 0, 3)
    output.close()
    assert server.event_ids == event_ids
    assert sum("WARNING output line" in m and "closed the connection" in m for m in messages) == 1
    Outbox(tmp_path / "line", max_bytes=10**6, when_full="stop").close()
    server.stop()


def test_a_damaged_record_ends_the_run_in_one_sentence(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "line", max_bytes=10**6, when_full="stop")
    outbox.append(b'{"event_id": "marked"}')
    outbox.close()
    path = tmp_path / "line" / "records.sqlite"
    path.write_bytes(path.read_bytes().replace(b"marked", b"merked"))
    output = open_output(tmp_path, free_port())
    join_worker()
    with pytest.raises(SinkError, match=r"record 1 does not match its checksum.*move the folder"):
        put(output, 0, 1)
    with pytest.raises(SinkError, match="checksum"):
        output.close()


def test_it_can_be_closed_twice_and_without_open(tmp_path: Path) -> None:
    output = QueuedOutput("line", Stuck(), options(tmp_path))
    output.close()
    with pytest.raises(SinkError, match="before it is open"):
        output.put({"event_id": "a"})
    output.begin_close()
    assert list(tmp_path.iterdir()) == []
    output.open(run_info())
    output.begin_close()
    output.close()
    output.close()
