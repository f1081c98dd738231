"""Tests of an output with an outbox and a TCP receiver that is slow, fails and disappears."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from line_outputs import LineOptions, LineSender, LineServer, free_port
from loguru import logger
from output_parts import run_info

from inspector.core.errors import SinkError
from inspector.outputs.outbox import Outbox, QueuedRecord
from inspector.outputs.queued import QueuedOutput
from inspector.outputs.sender import BusyError, QueueOptions, RefusedError
from inspector.outputs.turns import Turn


@pytest.fixture
def messages() -> Iterator[list[str]]:
    lines: list[str] = []
    handler = logger.add(lines.append, format="{level} {message}")
    yield lines
    logger.remove(handler)


def options(folder: Path, **changes: Any) -> QueueOptions:
    quick: dict[str, Any] = {"retry_first_s": 0.02, "retry_max_s": 0.05, "drain_s": 20.0}
    return QueueOptions(dir=str(folder), **(quick | changes))


def open_output(folder: Path, port: int, sender: Any = None, **changes: Any) -> QueuedOutput:
    sender = sender or LineSender(LineOptions(kind="lines", port=port))
    output = QueuedOutput("line", sender, options(folder, **changes))
    output.open(run_info())
    return output


def put(output: QueuedOutput, first: int, end: int) -> list[str]:
    event_ids = [f"run-{number}" for number in range(first, end)]
    for event_id in event_ids:
        output.put({"type": "verdict", "event_id": event_id})
    return event_ids


def put_large(output: QueuedOutput) -> None:
    """Puts 1.5 MB."""
    for number in range(1500):
        output.put({"event_id": f"run-{number}", "pad": "x" * 1000})


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "line"]


def join_worker() -> None:
    for thread in threads():
        thread.join(5)
    assert threads() == []


def test_a_receiver_that_disconnects_gets_every_record_in_order(tmp_path: Path) -> None:
    server = LineServer(break_after=(1, 5, 90, 91, 180))
    output = open_output(tmp_path, server.port)
    event_ids = put(output, 0, 300)
    output.close()
    assert server.event_ids == event_ids
    assert len(server.records) > 300, "a broken batch is sent again"
    counts = output.counts()
    assert (counts["appended"], counts["delivered"], counts["waiting"]) == (300, 300, 0)
    assert threads() == []
    server.stop()


class BatchSender:
    """Notes the number of records of each delivery."""

    batch = 100

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.sent = threading.Event()

    def wants(self, record: Mapping[str, Any]) -> bool:
        return True

    def send(self, records: Sequence[QueuedRecord], timeout_s: float) -> None:
        self.sizes.append(len(records))
        self.sent.set()

    def close(self) -> None: ...


def test_records_that_come_after_a_small_delivery_are_sent_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspector.outputs.queued.GATHER_S", 60.0)
    sender = BatchSender()
    output = open_output(tmp_path, 0, sender)
    put(output, 0, 1)
    assert sender.sent.wait(20)
    put(output, 1, 21)
    output.close()
    assert sender.sizes == [1, 20]


def test_a_restarted_receiver_gets_every_record(tmp_path: Path, messages: list[str]) -> None:
    server = LineServer()
    output = open_output(tmp_path, server.port)
    put(output, 0, 50)
    assert server.wait_for(50)
    server.stop()
    put(output, 50, 150)
    assert output.counts()["waiting"] >= 100
    back = LineServer(server.port)
    assert back.wait_for(100)
    put(output, 150, 160)
    output.close()
    assert server.event_ids == [f"run-{number}" for number in range(50)]
    assert back.event_ids[-110:] == [f"run-{number}" for number in range(50, 160)]
    assert sum("cannot deliver and will try again" in line for line in messages) == 1
    assert any("delivers again" in line for line in messages)
    back.stop()


def test_a_link_that_breaks_before_each_full_batch_still_makes_progress(tmp_path: Path) -> None:
    port = free_port()
    output = open_output(tmp_path, port)
    event_ids = put(output, 0, 300)
    server = LineServer(port, break_after=range(60, 10_000, 60))
    output.close()
    assert server.event_ids == event_ids
    assert output.counts()["waiting"] == 0
    server.stop()


def test_writing_never_waits_for_a_receiver_that_does_not_answer(tmp_path: Path) -> None:
    server = LineServer()
    server.answering.clear()
    output = open_output(tmp_path, server.port, timeout_s=60.0)
    event_ids = put(output, 0, 500)
    assert server.wait_for(1)
    # All records are handed over before the first one is confirmed.
    counts = output.counts()
    assert (counts["appended"], counts["delivered"], counts["waiting"]) == (500, 0, 500)
    server.answering.set()
    output.close()
    assert server.event_ids == event_ids
    server.stop()


def test_the_next_run_first_delivers_the_records_that_are_left(tmp_path: Path) -> None:
    port = free_port()
    output = open_output(tmp_path, port, drain_s=0.0)
    event_ids = put(output, 0, 20)
    output.close()
    assert output.counts()["waiting"] == 20
    server = LineServer(port)
    output = open_output(tmp_path, port)
    event_ids += put(output, 20, 30)
    output.close()
    assert server.event_ids == event_ids
    assert output.counts() == {
        "waiting_at_start": 20,
        "appended": 10,
        "delivered": 30,
        "refused": 0,
        "dropped": 0,
        "waiting": 0,
    }
    server.stop()


def test_a_session_takes_over_the_outbox_when_the_one_before_has_closed_it(tmp_path: Path) -> None:
    server = LineServer()
    before = open_output(tmp_path, server.port)
    event_ids = put(before, 0, 20)
    after = open_output(tmp_path, server.port)
    later = put(after, 30, 40)
    event_ids += put(before, 20, 30)
    before.close()
    later += put(after, 40, 50)
    after.close()
    assert server.event_ids == event_ids + later
    assert (before.counts()["delivered"], after.counts()["delivered"]) == (30, 20)
    server.stop()


def test_sessions_take_over_in_order_while_the_receiver_is_away(
    tmp_path: Path, messages: list[str]
) -> None:
    """A session that fails to deliver leaves its records to the next one at once. Its drain_s is
    longer than the time limit of this test."""
    port = free_port()
    patient = {"drain_s": 600.0, "retry_first_s": 600.0, "retry_max_s": 600.0}
    sessions = [open_output(tmp_path, port, **patient) for _ in range(3)]
    sessions.append(open_output(tmp_path, port))
    event_ids = []
    for number, session in enumerate(sessions):
        event_ids += put(session, 10 * number, 10 * number + 10)
    sessions[0].begin_close()
    sessions[2].begin_close()
    for session in sessions[:3]:
        session.close()
    assert [session.counts()["waiting"] for session in sessions[:3]] == [10, 20, 30]
    server = LineServer(port)
    sessions[3].close()
    assert server.event_ids == event_ids
    assert sessions[3].counts()["delivered"] == 40
    server.stop()


class Refusing(LineSender):
    """Refuses some records for good, and asks for a long pause once."""

    def __init__(self, port: int, refused: Sequence[str]) -> None:
        super().__init__(LineOptions(kind="lines", port=port))
        self.refused = [event_id.encode() for event_id in refused]
        self.is_busy = True

    def send(self, records: Sequence[QueuedRecord], timeout_s: float) -> None:
        if self.is_busy:
            self.is_busy = False
            raise BusyError("later, please", 1e9)
        if any(b'"' + name + b'"' in record.body for record in records for name in self.refused):
            raise RefusedError("this is no record of mine")
        super().send(records, timeout_s)


def test_a_record_that_is_refused_alone_is_counted_and_does_not_block_the_others(
    tmp_path: Path, messages: list[str]
) -> None:
    server = LineServer()
    refused = ["run-0", "run-57", "run-58", "run-199"]
    output = open_output(tmp_path, server.port, Refusing(server.port, refused))
    event_ids = put(output, 0, 200)
    output.close()
    assert server.event_ids == [name for name in event_ids if name not in refused]
    assert len(server.records) == 196, "nothing was sent twice"
    counts = output.counts()
    assert (counts["delivered"], counts["refused"], counts["waiting"]) == (196, 4, 0)
    assert sum("records were refused" in line and "run-0" in line for line in messages) == 1
    server.stop()


def test_the_pause_that_a_receiver_asks_for_is_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def note(output: QueuedOutput, outbox: Outbox, turn: Turn, delay_s: float) -> None:
        pauses.append(delay_s)

    monkeypatch.setattr(QueuedOutput, "_pause", note)
    server = LineServer()
    output = open_output(tmp_path, server.port, Refusing(server.port, ()), retry_max_s=40.0)
    put(output, 0, 1)
    output.close()
    assert pauses == [40.0]
    assert output.counts()["delivered"] == 1
    server.stop()


def test_records_that_cannot_wait_for_the_session_before_are_named(tmp_path: Path) -> None:
    server = LineServer()
    before = open_output(tmp_path, server.port)
    after = open_output(tmp_path, server.port, drain_s=0.0, timeout_s=0.1)
    put(after, 0, 3)
    with pytest.raises(SinkError, match="3 records are not sent, because the session before"):
        after.close()
    before.close()
    server.stop()


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


def test_a_full_outbox_drops_the_oldest_with_one_warning(
    tmp_path: Path, messages: list[str]
) -> None:
    port = free_port()
    output = open_output(tmp_path, port, max_mb=1.0, drain_s=0.0)
    put_large(output)
    dropped = output.counts()["dropped"]
    assert dropped > 0
    output.close()
    assert sum("the outbox is full" in line for line in messages) == 1
    server = LineServer(port)
    output = open_output(tmp_path, port)
    output.close()
    assert server.event_ids == [f"run-{number}" for number in range(dropped, 1500)]
    counts = output.counts()
    assert counts["waiting_at_start"] == counts["delivered"] == 1500 - dropped
    server.stop()


def test_a_full_outbox_with_stop_ends_the_run(tmp_path: Path) -> None:
    output = open_output(tmp_path, free_port(), max_mb=1.0, when_full="stop", drain_s=0.0)
    with pytest.raises(SinkError, match="is full"):
        put_large(output)
    output.close()


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


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_the_error_names_a_record_that_is_not_json(tmp_path: Path, value: object) -> None:
    output = open_output(tmp_path, free_port())
    with pytest.raises(SinkError, match="record run-7 of frame None cannot be written"):
        output.put({"event_id": "run-7", "score": value})
    output.close()


def test_only_the_records_that_the_sender_wants_reach_the_outbox(tmp_path: Path) -> None:
    server = LineServer()
    sender = LineSender(LineOptions(kind="lines", port=server.port, only_fail=True))
    output = open_output(tmp_path, server.port, sender)
    for number, verdict in enumerate(("PASS", "FAIL", "ERROR", "FAIL")):
        output.put({"type": "verdict", "event_id": f"run-{number}", "verdict": verdict})
        output.put({"type": "measured", "event_id": f"size-{number}", "verdict": verdict})
    output.close()
    assert server.event_ids == ["run-1", "run-3"]
    assert output.counts()["appended"] == 2
    server.stop()


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
